"""Checks of a page inside the browser; each returns a list of faults."""

from __future__ import annotations

DRAWN = """() => [...document.querySelectorAll('.panel')].filter((one) => one.offsetParent !== null).map((panel) => {
  const state = panel.dataset.state;
  const chart = panel.dataset.chart;
  const answer = (problem) => ({ id: panel.dataset.panel, state, problem });
  if (panel.getAttribute('aria-busy') !== 'false') return answer('busy');
  if (state !== 'ok') return answer(`${state}: ${panel.querySelector('.body').textContent}`);
  if (chart === 'metric') return answer(/\\d/.test(panel.querySelector('.figure').textContent) ? null : 'no number');
  if (chart === 'table' || chart === 'documents')
    return answer(panel.querySelectorAll('tbody tr').length ? null : 'no rows');
  const svg = panel.querySelector('.canvas svg');
  if (!svg) return answer('no drawing');
  const marks = [...svg.querySelectorAll('.mark-rect.role-mark path, .mark-arc.role-mark path, '
    + '.mark-line.role-mark path, .mark-symbol.role-mark path')]
    .filter((mark) => { const box = mark.getBBox(); return box.width > 0 || box.height > 0; });
  if (!marks.length) return answer('no marks');
  if (chart !== 'donut') {
    const axes = [...svg.querySelectorAll('.role-axis')].filter((axis) => axis.querySelector('.role-axis-label'));
    const named = axes.filter((axis) => [...axis.querySelectorAll('.role-axis-label text')]
      .some((text) => text.textContent.trim()));
    if (named.length < 2) return answer('an axis without names');
  }
  const box = svg.getBoundingClientRect();
  const around = panel.getBoundingClientRect();
  if (box.right > around.right + 1 || box.bottom > around.bottom + 1) return answer('drawn beyond its panel');
  if (!panel.querySelector('.canvas').getAttribute('aria-label')) return answer('no words for the chart');
  return answer(null);
})"""

AUDIT = """() => {
  const wrong = [];
  const visible = (element) => element.offsetParent !== null;
  const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
  const name = (element) => (element.getAttribute('aria-label') || element.textContent || element.title || '').trim();
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  ids.filter((id, place) => ids.indexOf(id) !== place).forEach((id) => wrong.push(`id twice: ${id}`));
  all('button, a[href]').filter((element) => !name(element))
    .forEach((element) => wrong.push(`no name: ${element.outerHTML.slice(0, 90)}`));
  all('input, select').filter((element) => !element.labels.length)
    .forEach((element) => wrong.push(`no label: ${element.id}`));
  document.querySelectorAll('[aria-labelledby]').forEach((element) => {
    const label = document.getElementById(element.getAttribute('aria-labelledby'));
    if (!label) wrong.push(`labelled by nothing: ${element.id}`);
  });
  ['header', 'nav', 'main', 'footer', '[role=search]'].filter((one) => !document.querySelector(one))
    .forEach((one) => wrong.push(`no ${one}`));
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  if (document.documentElement.lang !== 'en') wrong.push('no language');
  all('table').forEach((table) => {
    if (!table.caption && !table.closest('[aria-label]')) wrong.push('table without a name');
    if (table.querySelectorAll('thead th:not([scope=col])').length || !table.querySelector('thead th'))
      wrong.push('table without headers');
    [...table.tBodies[0].rows].filter((row) => !row.querySelector('th[scope=row]'))
      .forEach(() => wrong.push('row without a header'));
  });
  all('[role=img]').filter((image) => !name(image)).forEach(() => wrong.push('picture without words'));
  if (!document.querySelector('[aria-current=page]')) wrong.push('no current page');
  if (!document.querySelector('[aria-live=polite]')) wrong.push('nothing is said of changes');
  return [...new Set(wrong)];
}"""

CONTRASTS = """() => {
  const parse = (text) => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return { rgb: found.slice(0, 3), alpha: found[3] ?? 1 };
  };
  const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = parse(getComputedStyle(one).backgroundColor);
      if (found.alpha > 0.99) return found.rgb;
    }
    return [255, 255, 255];
  };
  const wrong = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode;
    const element = text.parentElement;
    if (!text.textContent.trim() || element.offsetParent === null && !element.closest('svg')) continue;
    if (element.closest('script, style, option, noscript, .hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const inside = element.closest('svg');
    const colour = parse(inside ? style.fill : style.color);
    const behind = light(ground(inside ? inside.parentElement : element));
    const [one, other] = [light(colour.rgb), behind].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const kind = `${element.tagName} ${element.className?.baseVal ?? element.className}`;
    if (ratio < 4.5) wrong.add(`${ratio.toFixed(2)} ${kind}: ${text.textContent.slice(0, 40)}`);
  }
  return [...wrong];
}"""
