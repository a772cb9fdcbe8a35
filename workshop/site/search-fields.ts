// What the search index holds; the page's own script (site.js) reads it with the same words.

/** MiniSearch's options. */
export const searchFields = { fields: ['heading', 'text'], storeFields: ['address', 'page', 'heading', 'text'] };
