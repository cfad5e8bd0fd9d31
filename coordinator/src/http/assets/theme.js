// Before anything is drawn: light or dark as the reader chose it. No module, so that it does not wait for the page.
(() => {
  try {
    const chosen = localStorage.getItem('tamis.theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch {
    // No storage: what the system prefers.
  }
})();
