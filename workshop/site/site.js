// What the pages do in the browser: search, light and dark, copying commands. No network, so that file:// works.
/* global MiniSearch */
const input = document.getElementById('search');
const results = document.getElementById('results');
let index;

function search() {
  // The same fields as in search-fields.ts.
  index ??= MiniSearch.loadJS(window.searchIndex, {
    fields: ['heading', 'text'],
    storeFields: ['address', 'page', 'heading', 'text'],
  });
  const words = input.value.trim();
  const found =
    words === ''
      ? []
      : index.search(words, { prefix: true, fuzzy: 0.15, combineWith: 'AND', boost: { heading: 3 } }).slice(0, 12);
  results.replaceChildren(...found.map((hit) => result(hit)));
  if (words !== '' && found.length === 0) results.append(line('Nothing found.'));
  results.hidden = words === '';
  input.setAttribute('aria-expanded', String(words !== ''));
}

function result({ address, page, heading, text, terms }) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = address;
  const title = document.createElement('strong');
  title.textContent = heading === page ? page : `${page} › ${heading}`;
  const at = Math.max(0, text.toLowerCase().indexOf(terms[0] ?? '') - 40);
  const excerpt = document.createElement('span');
  excerpt.textContent = (at > 0 ? '…' : '') + text.slice(at, at + 120);
  link.append(title, excerpt);
  item.append(link);
  return item;
}

function line(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

input.addEventListener('input', search);
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === '/' && !typing) {
    event.preventDefault();
    input.focus();
  }
  if (event.key === 'Escape' && !results.hidden) {
    input.value = '';
    search();
    input.focus();
  }
  if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && !results.hidden) {
    const links = [...results.querySelectorAll('a')];
    const next = links.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    (links[next] ?? input).focus();
  }
});
results.addEventListener('click', () => {
  results.hidden = true;
});

document.getElementById('theme').addEventListener('click', () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === 'dark';
  document.documentElement.dataset.theme = dark ? 'light' : 'dark';
  localStorage.setItem('theme', document.documentElement.dataset.theme);
});

for (const block of document.querySelectorAll('pre')) {
  const code = block.querySelector('code');
  const commands = [...block.querySelectorAll('.command')].map(({ textContent }) => textContent.slice(2));
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    const text = commands.length > 0 ? commands.join('\n') : code.textContent.trimEnd();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      // A browser may refuse: then the text is at least selected.
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  block.tabIndex = 0;
  const frame = document.createElement('div');
  frame.className = 'code';
  block.replaceWith(frame);
  frame.append(block, button);
}

// On a phone, the contents are folded away until they are asked for.
if (matchMedia('(max-width: 60rem)').matches) document.querySelector('.menu').open = false;
