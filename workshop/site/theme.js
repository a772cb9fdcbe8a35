// Before anything is drawn: the theme that was chosen on an earlier page, and that there are scripts.
const root = document.documentElement;
root.classList.add('scripts');
try {
  root.dataset.theme = localStorage.getItem('boxwright-theme') ?? '';
} catch {
  // A browser that keeps nothing: the system's theme, then.
}
