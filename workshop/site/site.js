// What the pages do in the browser: search, light and dark, copying commands. No network, so that file:// works.

// ---- light and dark

const dark = matchMedia('(prefers-color-scheme: dark)');
const themeButton = document.querySelector('button.theme');

function isDark() {
  return document.documentElement.dataset.theme === ''
    ? dark.matches
    : document.documentElement.dataset.theme === 'dark';
}

function showTheme() {
  themeButton.setAttribute('aria-pressed', String(isDark()));
}

themeButton.addEventListener('click', () => {
  const chosen = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem('boxwright-theme', chosen);
  } catch {
    // It holds for this page.
  }
  showTheme();
});
dark.addEventListener('change', showTheme);
showTheme();

// ---- search

const form = document.querySelector('form.search');
const input = document.getElementById('search');
const found = document.getElementById('found');
const status = found.querySelector('[role=status]');
const list = found.querySelector('ul');
const MOST = 12;
let index;

/** The index is large: it is loaded when somebody is about to search. */
function loadIndex() {
  index ??= load('minisearch.js')
    .then(() => load('search-index.js'))
    .then(() => {
      const { options, index: stored } = window.boxwrightSearch;
      return window.MiniSearch.loadJS(stored, options);
    });
  return index;
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = name;
    script.addEventListener('load', resolve);
    script.addEventListener('error', () => reject(new Error(`cannot load ${name}`)));
    document.head.append(script);
  });
}

// Words that nobody looks for.
const COMMON = new Set(
  (
    'a an and are as at be but by can did do does for from had has have how i if in is it its me my no not of on or our ' +
    'so than that the their them then there these they this to was we were what when where which who whose why will ' +
    'with you your'
  ).split(' '),
);

/** What a query looks for: its words of two letters or more, without those that are everywhere. */
function wordsSought(query) {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []).filter((word) => word.length > 1);
  const rare = words.filter((word) => !COMMON.has(word));
  return [...new Set(rare.length > 0 ? rare : words)];
}

/** The places with any of the words, those with most of them first. Words spelt nearly like that: only if none has all. */
function placesWith(words, loaded) {
  const options = { tokenize: () => words, prefix: true, boost: { heading: 4, page: 2 } };
  const exact = loaded.search(words.join(' '), options);
  const hits = exact.some(({ queryTerms }) => queryTerms.length === words.length)
    ? exact
    : loaded.search(words.join(' '), { ...options, fuzzy: (term) => (term.length > 4 ? 0.15 : false) });
  return hits.sort((one, other) => other.queryTerms.length - one.queryTerms.length || other.score - one.score);
}

async function search() {
  const query = input.value;
  const words = wordsSought(query);
  if (words.length === 0) return close();
  const loaded = await loadIndex();
  // Typed on meanwhile: the later call shows what was meant.
  if (query !== input.value) return;
  const hits = placesWith(words, loaded);
  const places = (word) => hits.filter(({ queryTerms }) => queryTerms.includes(word)).length;
  const rarestFirst = words.toSorted((one, other) => places(one) - places(other));
  status.textContent = count(hits.length);
  list.replaceChildren(...hits.slice(0, MOST).map((hit) => shown(hit, rarestFirst)));
  found.hidden = false;
}

function count(hits) {
  if (hits === 0) return 'Nothing found.';
  return hits > MOST ? `The best ${MOST} of ${hits} places` : hits === 1 ? '1 place' : `${hits} places`;
}

/** One place: its heading, and the words around the rarest that was found. */
function shown({ address, page, heading, text, terms }, words) {
  // What is only spelt nearly like a word is marked as a whole.
  const similar = terms.filter((term) => !words.some((word) => term.startsWith(word)));
  const beginnings = [...words, ...similar].map(beginning);
  const link = document.createElement('a');
  link.href = address;
  const title = document.createElement('strong');
  title.append(...marked(heading, beginnings));
  const where = document.createElement('small');
  where.append(...marked(page, beginnings));
  const excerpt = document.createElement('span');
  const start = startOfExcerpt(text, beginnings);
  const end = start + 150;
  excerpt.append(start > 0 ? '…' : '', ...marked(text.slice(start, end), beginnings), end < text.length ? '…' : '');
  link.append(title, ...(heading === page ? [] : [where]), excerpt);
  const item = document.createElement('li');
  item.append(link);
  return item;
}

/** A pattern for that word, or for words that begin with it. */
function beginning(word) {
  return `(?<![\\p{L}\\p{N}])${word}`;
}

/** A little before the first of these that the text has, at the beginning of a word. */
function startOfExcerpt(text, beginnings) {
  const position = beginnings.map((one) => text.search(new RegExp(one, 'iu'))).find((place) => place >= 0) ?? 0;
  return position < 50 ? 0 : text.lastIndexOf(' ', position - 45) + 1;
}

function marked(text, beginnings) {
  // The longest first: where both "mount" and "mounts" are sought, all of "mounts" is marked.
  const longestFirst = beginnings.toSorted((one, other) => other.length - one.length);
  return text.split(new RegExp(`(${longestFirst.join('|')})`, 'iu')).map((part, position) => {
    if (position % 2 === 0) return part;
    const mark = document.createElement('mark');
    mark.textContent = part;
    return mark;
  });
}

function close() {
  found.hidden = true;
  list.replaceChildren();
  status.textContent = '';
}

input.addEventListener('focus', () => void loadIndex());
input.addEventListener('input', () => void search());
form.addEventListener('submit', (event) => {
  event.preventDefault();
  void search().then(() => list.querySelector('a')?.click());
});
list.addEventListener('click', (event) => {
  if (event.target.closest('a') !== null) close();
});
document.addEventListener('click', (event) => {
  if (!form.contains(event.target)) close();
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/' && !event.target.matches('input, textarea')) {
    event.preventDefault();
    input.select();
  }
  if (event.key === 'Escape' && form.contains(event.target)) {
    input.value = '';
    close();
    input.blur();
    document.activeElement?.blur();
  }
  if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && form.contains(event.target) && !found.hidden) {
    event.preventDefault();
    const places = [input, ...list.querySelectorAll('a')];
    const step = event.key === 'ArrowDown' ? 1 : -1;
    places[(places.indexOf(document.activeElement) + step + places.length) % places.length].focus();
  }
});

// ---- copying commands

for (const code of document.querySelectorAll('pre > code')) {
  const commands = [...code.querySelectorAll('.command')].map(({ textContent }) => textContent);
  const isOutput = code.classList.contains('language-console') && commands.length === 0;
  if (isOutput || code.className === '') continue;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    const text = commands.length > 0 ? commands.join('\n') : code.textContent.trimEnd();
    button.textContent = (await copy(text)) ? 'Copied' : 'Not allowed here';
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  const frame = document.createElement('div');
  frame.className = 'code';
  code.parentElement.replaceWith(frame);
  frame.append(code.parentElement, button);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// ---- the rest

// What is wider than the page scrolls by itself, also with the keyboard.
const scrolling = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute('tabindex');
  }
});
for (const wide of document.querySelectorAll('pre, .table, .figure')) scrolling.observe(wide);

// On a phone, the contents are folded away until they are asked for.
const contentsButton = document.querySelector('button.contents');
const contents = document.getElementById('contents');
contentsButton.addEventListener('click', () => {
  const open = contents.classList.toggle('open');
  contentsButton.setAttribute('aria-expanded', String(open));
});
const current = contents.querySelector('[aria-current]');
contents.scrollTop = current.offsetTop - contents.clientHeight / 2;

// On paper nothing can be unfolded.
addEventListener('beforeprint', () => {
  for (const folded of document.querySelectorAll('details')) folded.open = true;
});
