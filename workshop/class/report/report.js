'use strict';
// Draws the report. What is in view of the table is drawn on a canvas: three thousand students have 200,000 cells.
const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
/** A text whose parts between backticks are code. */
const textWithCode = (tag, text, className) => {
  const element = make(tag, undefined, className);
  for (const part of text.split(/(`[^`]+`)/)) {
    element.append(/^`.+`$/s.test(part) ? make('code', part.slice(1, -1)) : part);
  }
  return element;
};
const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const words = {
  p: 'passed',
  f: 'failed',
  b: 'blocked by an earlier check',
  '.': 'not handed in',
  u: 'could not be graded as handed in, or was stopped',
  x: 'not graded: a fault of the grader',
};
const colours = { p: '--p', f: '--f', b: '--b', '.': '--none', u: '--u', x: '--x' };

const checks = data.levels.flatMap((level) => level.checks.map((check) => ({ ...check, level: level.name })));
for (const student of data.students) student.passed = student.cells.split('p').length - 1;

// ---- above the table
document.title = data.title;
byId('title').textContent = data.title;
const said = Object.entries(data.statuses).filter(([, count]) => count > 0);
const sayings = [
  counted(data.students.length, 'student'),
  ...(said.length > 0 ? [`levels: ${said.map(([status, count]) => `${count} ${status}`).join(', ')}`] : []),
  ...(data.unusableEntries > 0 ? [`${counted(data.unusableEntries, 'entry', 'entries')} unusable`] : []),
];
byId('summary').textContent = `${sayings.join('; ')}. Graders ${data.graderVersion}.`;
const duration = (hours) =>
  hours < 1 ? `${Math.round(hours * 60)} min` : hours < 48 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24)} days`;
for (const row of data.table) {
  const graded = row.passed + row.failed;
  if (graded + row.other === 0) continue;
  const line = make('tr');
  const head = make('th', row.level);
  head.scope = 'row';
  line.append(head, ...[row.passed, row.failed, row.other].map((count) => make('td', count)));
  const share = make('td');
  if (graded > 0) {
    const bar = make('span', undefined, 'share');
    const part = make('span');
    part.style.width = `${(100 * row.passed) / graded}%`;
    bar.append(part);
    share.append(bar, `${Math.round((100 * row.passed) / graded)} %`);
  }
  const home = row.hours === null ? '' : `${duration(row.hours)} (${row.hoursOf})`;
  line.append(share, make('td', home), make('td', row.seconds === null ? '' : `${row.seconds.toFixed(1)} s`));
  byId('levels').tBodies[0].append(line);
}
const SHOWN = 15;
data.mistakes.forEach((mistake, index) => {
  const item = make('li');
  const name = mistake.slug === null ? 'none of the known ones' : mistake.slug;
  item.append(make('strong', counted(mistake.students, 'student')));
  item.append(`: ${name} (${mistake.checks.join(', ')}). `, textWithCode('span', mistake.why, 'soft'));
  item.hidden = index >= SHOWN;
  byId('mistakes').append(item);
});
if (data.mistakes.length === 0) byId('mistakes').replaceWith(make('p', 'None.'));
byId('more').hidden = data.mistakes.length <= SHOWN;
byId('more').addEventListener('click', () => {
  for (const item of byId('mistakes').children) item.hidden = false;
  byId('more').hidden = true;
});
for (const [cell, word] of Object.entries(words)) {
  const swatch = make('span', undefined, 'swatch');
  swatch.style.background = `var(${colours[cell]})`;
  byId('legend').append(swatch, word);
}

// ---- the table
const ROW = 18;
const CELL = 14;
const HEAD = 58;
const NAME = 190;
const TOTAL = 52;
const GAP = 6;
const map = byId('map');
const canvas = byId('canvas');
const context = canvas.getContext('2d');
let shown = data.students;
let chosen = null;

/** Where each check's column begins. */
const columns = [];
for (let x = NAME + TOTAL, index = 0; index < checks.length; index += 1) {
  if (index > 0 && checks[index].level !== checks[index - 1].level) x += GAP;
  columns.push(x);
  x += CELL;
}
const width = (columns.at(-1) ?? NAME) + CELL + 12;

function arrange() {
  const wanted = byId('find').value.trim().toLowerCase();
  shown = data.students.filter(({ name }) => name.toLowerCase().includes(wanted));
  const order = byId('order').value;
  if (order !== 'name') {
    const sign = order === 'most' ? -1 : 1;
    shown = shown.toSorted((one, other) => sign * (one.passed - other.passed));
  }
  byId('count').textContent = `${shown.length} of ${counted(data.students.length, 'student')}`;
  byId('room').style.height = `${HEAD + shown.length * ROW}px`;
  byId('room').style.width = `${width}px`;
  chosen = null;
  tell();
  draw();
}

function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const [viewWidth, viewHeight] = [map.clientWidth, Math.min(map.clientHeight, HEAD + shown.length * ROW)];
  const scale = window.devicePixelRatio || 1;
  canvas.width = viewWidth * scale;
  canvas.height = viewHeight * scale;
  canvas.style.width = `${viewWidth}px`;
  canvas.style.height = `${viewHeight}px`;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const fills = Object.fromEntries(Object.entries(colours).map(([cell, name]) => [cell, resolve(colour(name))]));
  const [text, soft, paper, accent] = ['--text', '--soft', '--raised', '--accent'].map((name) => resolve(colour(name)));
  context.fillStyle = paper;
  context.fillRect(0, 0, viewWidth, viewHeight);
  context.font = '12px system-ui, "Liberation Sans", sans-serif';
  context.textBaseline = 'middle';
  const [left, top] = [map.scrollLeft, map.scrollTop];
  const first = Math.floor(top / ROW);
  for (let row = first; row < shown.length && HEAD + row * ROW - top < viewHeight; row += 1) {
    const y = HEAD + row * ROW - top;
    const { cells } = shown[row];
    for (let index = 0; index < columns.length; index += 1) {
      const x = columns[index] - left;
      if (x + CELL < NAME || x > viewWidth) continue;
      context.fillStyle = fills[cells[index]];
      context.fillRect(x, y + 1, CELL - 1, ROW - 2);
      if (cells[index] === 'f') {
        context.fillStyle = paper;
        context.fillRect(x + 3, y + ROW / 2 - 1, CELL - 7, 2);
      }
    }
    if (chosen?.row === row) {
      context.strokeStyle = accent;
      context.lineWidth = 2;
      context.strokeRect(columns[chosen.column] - left - 1, y, CELL + 1, ROW);
    }
  }
  // What stays where it is: the names on the left, the checks on top.
  context.fillStyle = paper;
  context.fillRect(0, HEAD, NAME + TOTAL - 6, viewHeight - HEAD);
  for (let row = first; row < shown.length && HEAD + row * ROW - top < viewHeight; row += 1) {
    const y = HEAD + row * ROW - top + ROW / 2;
    context.fillStyle = shown[row].note === '' ? text : soft;
    context.textAlign = 'left';
    context.fillText(cut(shown[row].name), 8, y);
    context.fillStyle = soft;
    context.textAlign = 'right';
    context.fillText(String(shown[row].passed), NAME + TOTAL - 16, y);
  }
  context.fillStyle = paper;
  context.fillRect(0, 0, viewWidth, HEAD);
  context.save();
  context.beginPath();
  context.rect(NAME + TOTAL - 6, 0, viewWidth, HEAD);
  context.clip();
  for (let index = 0; index < columns.length; index += 1) {
    const x = columns[index] - left;
    if (index === 0 || checks[index].level !== checks[index - 1].level) {
      context.textAlign = 'left';
      context.fillStyle = text;
      context.fillText(checks[index].level.slice(0, 2), x, 12);
    }
    context.save();
    context.translate(x + CELL / 2, HEAD - 6);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'left';
    context.fillStyle = soft;
    context.fillText(checks[index].id, 0, 0);
    context.restore();
  }
  context.restore();
  context.fillStyle = soft;
  context.textAlign = 'left';
  context.fillText('student', 8, HEAD - 10);
  context.textAlign = 'right';
  context.fillText('passed', NAME + TOTAL - 16, HEAD - 10);
}

/** A colour as the canvas takes it: it knows nothing of light-dark(). */
const probe = document.body.appendChild(make('span'));
probe.hidden = true;
function resolve(colour) {
  probe.style.color = colour;
  return getComputedStyle(probe).color;
}

function cut(name) {
  let text = name;
  while (text.length > 1 && context.measureText(text).width > NAME - 16)
    text = `${text.replace(/…$/, '').slice(0, -1)}…`;
  return text;
}

function choose(row, column) {
  if (shown.length === 0) return;
  chosen = { row: clamp(row, shown.length), column: clamp(column, columns.length) };
  tell();
  draw();
}

function clamp(value, length) {
  return Math.max(0, Math.min(length - 1, value));
}

function tell() {
  if (chosen === null) {
    byId('told').textContent = 'Point at a cell, or move with the arrow keys.';
    return;
  }
  const student = shown[chosen.row];
  const check = checks[chosen.column];
  const note = student.note === '' ? '' : ` (${student.note})`;
  const said = `: ${check.id} ${check.title}: ${words[student.cells[chosen.column]]}${note}`;
  byId('told').replaceChildren(student.name, textWithCode('span', said));
}

map.addEventListener('mousemove', (event) => {
  const box = map.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  if (x < NAME + TOTAL || y < HEAD) return;
  const column = columns.findLastIndex((from) => from <= x + map.scrollLeft);
  const row = Math.floor((y - HEAD + map.scrollTop) / ROW);
  if (row < shown.length && column !== -1) choose(row, column);
});
const moves = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-20, 0],
  PageDown: [20, 0],
};
map.addEventListener('keydown', (event) => {
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  choose((chosen?.row ?? -1) + move[0], (chosen?.column ?? -1) + move[1]);
  const [top, left] = [chosen.row * ROW, columns[chosen.column]];
  if (top < map.scrollTop) map.scrollTop = top;
  if (top + ROW + HEAD > map.scrollTop + map.clientHeight) map.scrollTop = top + ROW + HEAD - map.clientHeight;
  if (left - NAME - TOTAL < map.scrollLeft) map.scrollLeft = left - NAME - TOTAL;
  if (left + CELL > map.scrollLeft + map.clientWidth) map.scrollLeft = left + CELL - map.clientWidth;
});
map.addEventListener('scroll', draw);
window.addEventListener('resize', draw);
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
byId('find').addEventListener('input', arrange);
byId('order').addEventListener('change', arrange);
arrange();
