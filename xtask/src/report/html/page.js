'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const make = (name, className, text) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const applications = all('.application').map((node) => ({ node, name: node.dataset.application, objects: [] }));
  const objects = [];
  for (const application of applications) {
    for (const node of all('.object', application.node)) {
      const object = { node, application, kind: node.dataset.kind, severity: node.dataset.severity };
      application.objects.push(object);
      objects.push(object);
    }
  }
  const links = new Map(all('nav a').map((link) => [link.hash.slice(1), link.parentElement]));
  const findings = all('.finding').map((node) => ({ node }));
  // The overview: each row is shown while what it is about is.
  const dangers = all('.dangers li').map((node) => ({ node, about: one(node.querySelector('a').hash.slice(1)) }));
  const bumps = all('.bumps td.users').map((node) => ({ node: node.parentElement, users: node.textContent.split(', ') }));

  // Diffs become tables when they come near the view: the text in them is the source.
  const diffs = all('pre.diff').map((source) => {
    const origins = JSON.parse(source.dataset.origins || '{"sources":[],"lines":{}}');
    return { source, text: source.textContent, shown: source, view: '', origins };
  });
  const byNode = new Map(diffs.map((diff) => [diff.source, diff]));
  const narrow = matchMedia('(max-width: 700px)');
  let view = 'unified';

  const parse = (text) => {
    const lines = [];
    let before = 1;
    let after = 1;
    for (const line of text.replace(/\n$/, '').split('\n')) {
      const hunk = /^@@ -(\d+)\S* \+(\d+)\S* @@/.exec(line);
      if (hunk) {
        before = Number(hunk[1]);
        after = Number(hunk[2]);
        lines.push({ tag: '@', text: line });
      } else if (line[0] === '+') lines.push({ tag: '+', text: line.slice(1), after: after++ });
      else if (line[0] === '-') lines.push({ tag: '-', text: line.slice(1), before: before++ });
      else lines.push({ tag: ' ', text: line.slice(1), before: before++, after: after++ });
    }
    // Removed lines and the added ones that follow them are pairs.
    for (let at = 0; at < lines.length; ) {
      let end = at;
      while (end < lines.length && lines[end].tag === '-') end++;
      let last = end;
      while (last < lines.length && lines[last].tag === '+') last++;
      for (let pair = 0; at + pair < end && end + pair < last; pair++) {
        lines[at + pair].other = lines[end + pair];
        lines[end + pair].other = lines[at + pair];
      }
      at = Math.max(last, at + 1);
    }
    return lines;
  };

  const cell = (line) => {
    const kinds = { '+': 'add', '-': 'del' };
    const node = make('td', `c ${kinds[line.tag] || ''}`);
    node.dataset.m = line.tag === ' ' ? '' : line.tag;
    const other = line.other && line.other.text;
    if (other === undefined) {
      node.textContent = line.text;
      return node;
    }
    // What both lines begin and end with is not marked.
    const limit = Math.min(line.text.length, other.length);
    let start = 0;
    while (start < limit && line.text[start] === other[start]) start++;
    let end = 0;
    while (end < limit - start && line.text.at(-1 - end) === other.at(-1 - end)) end++;
    const changed = line.text.slice(start, line.text.length - end);
    if (start + end < 2 || !changed) {
      node.textContent = line.text;
      return node;
    }
    node.append(line.text.slice(0, start), make('mark', '', changed), line.text.slice(line.text.length - end));
    return node;
  };
  const number = (line, side, diff) => {
    const node = make('td', `n ${{ '+': 'add', '-': 'del' }[line.tag] || ''}`);
    const value = line[side];
    if (value === undefined) return node;
    const origin = side === 'after' ? diff.origins.sources[diff.origins.lines[value]] : undefined;
    if (origin === undefined) {
      node.textContent = value;
      return node;
    }
    const button = make('button', 'origin', value);
    button.type = 'button';
    button.dataset.origin = origin;
    button.setAttribute('aria-label', `Line ${value} comes from ${origin}`);
    node.append(button);
    return node;
  };
  const row = (className, ...cells) => {
    const node = make('tr', className);
    node.append(...cells);
    return node;
  };
  const hunk = (line, span) => {
    const node = make('td', '', line.text);
    node.colSpan = span;
    return row('hunk', node);
  };

  const show = (diff) => {
    const wanted = view === 'split' && !narrow.matches ? 'split' : 'unified';
    if (diff.view === wanted) return;
    diff.view = wanted;
    const table = make('table', 'diff');
    table.setAttribute('aria-label', diff.source.getAttribute('aria-label'));
    const body = make('tbody');
    const lines = parse(diff.text);
    const columns = make('colgroup');
    for (const gutter of wanted === 'split' ? [true, false, true, false] : [true, true, false]) {
      columns.append(make('col', gutter ? 'gutter' : ''));
    }
    for (const line of lines) {
      if (line.tag === '@') body.append(hunk(line, wanted === 'split' ? 4 : 3));
      else if (wanted === 'unified') {
        body.append(row('', number(line, 'before', diff), number(line, 'after', diff), cell(line)));
      } else if (line.tag === ' ') {
        body.append(row('', number(line, 'before', diff), cell(line), number(line, 'after', diff), cell(line)));
      } else if (line.tag === '-') {
        const right = line.other ? [number(line.other, 'after', diff), cell(line.other)] : [make('td', 'n none'), make('td', 'c none')];
        body.append(row('', number(line, 'before', diff), cell(line), ...right));
      } else if (!line.other) {
        body.append(row('', make('td', 'n none'), make('td', 'c none'), number(line, 'after', diff), cell(line)));
      }
    }
    table.append(columns, body);
    diff.shown.replaceWith(table);
    diff.shown = table;
    byNode.set(table, diff);
    highlightSoon();
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      const diff = byNode.get(entry.target);
      if (diff) show(diff);
    }
  }, { rootMargin: '600px' });
  const observe = () => { for (const diff of diffs) { near.unobserve(diff.shown); near.observe(diff.shown); } };

  const setView = (name) => {
    view = name;
    document.body.dataset.view = name;
    for (const input of all('input[name=view]')) input.checked = input.value === name;
    observe();
  };
  for (const input of all('input[name=view]')) input.addEventListener('change', () => setView(input.value));
  narrow.addEventListener('change', observe);

  // Filters.
  const search = one('search');
  const chips = all('.chip');
  const application = one('application');
  const kind = one('kind');
  let indexed = false;
  const index = () => {
    if (indexed) return;
    indexed = true;
    const texts = new Map();
    for (const diff of diffs) texts.set(diff.shown.closest('.object'), diff.text);
    for (const item of applications) {
      const own = all(':scope > .facts, :scope > .effects, :scope > .failed', item.node);
      item.text = [item.name, ...own.map((node) => node.textContent)].join('\n');
    }
    for (const object of objects) {
      const words = all('summary, .facts, .effects, .fields', object.node).map((node) => node.textContent);
      object.text = [object.application.text, ...words, texts.get(object.node) || ''].join('\n').toLowerCase();
    }
  };
  let terms = [];
  const apply = () => {
    terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (terms.length) index();
    const severities = new Set(chips.filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.dataset.severity));
    const matches = (haystack) => terms.every((term) => haystack.includes(term));
    let shown = 0;
    let visible = 0;
    for (const item of applications) {
      let within = 0;
      for (const object of item.objects) {
        const hit = severities.has(object.severity)
          && (!application.value || item.name === application.value)
          && (!kind.value || object.kind === kind.value)
          && (!terms.length || matches(object.text));
        object.node.hidden = !hit;
        if (hit) within++;
      }
      // An Application without objects, such as one that failed, has only its name and its severity.
      const bare = !item.objects.length && severities.has(item.node.dataset.severity) && !kind.value
        && (!application.value || item.name === application.value) && matches(item.node.textContent.toLowerCase());
      item.node.hidden = !within && !bare;
      const link = links.get(item.node.id);
      if (link) link.hidden = item.node.hidden;
      shown += within;
      if (!item.node.hidden) visible++;
    }
    if (terms.length && visible <= 20) {
      for (const item of applications) if (!item.node.hidden) item.node.open = true;
    }
    for (const finding of findings) {
      finding.text ??= finding.node.textContent.toLowerCase();
      finding.node.hidden = terms.length > 0 && !matches(finding.text);
    }
    one('nothing').hidden = visible > 0 || !applications.length;
    const narrowed = shown !== objects.length || visible !== applications.length;
    for (const { node, about } of dangers) node.hidden = !about || about.hidden || about.parentElement.hidden;
    const names = new Set(applications.filter((item) => !item.node.hidden).map((item) => item.name));
    for (const { node, users } of bumps) node.hidden = narrowed && !users.some((name) => names.has(name));
    for (const [section, rows] of [['.dangers', dangers], ['.bumps:has(.users)', bumps], ['.findings', findings]]) {
      const node = document.querySelector(section);
      if (node) node.hidden = rows.every((row) => row.node.hidden);
    }
    const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
    one('count').textContent = narrowed
      ? `${shown} of ${plural(objects.length, 'object')} in ${visible} of ${plural(applications.length, 'Application')}`
      : `${plural(objects.length, 'object')} in ${plural(applications.length, 'Application')}`;
    highlightSoon();
  };
  let pending = 0;
  search.addEventListener('input', () => { clearTimeout(pending); pending = setTimeout(apply, 60); });
  application.addEventListener('change', apply);
  kind.addEventListener('change', apply);
  for (const chip of chips) {
    chip.addEventListener('click', () => {
      chip.setAttribute('aria-pressed', chip.getAttribute('aria-pressed') === 'true' ? 'false' : 'true');
      apply();
    });
  }

  // Marks what was found in what is on the screen.
  let marking = 0;
  const highlightSoon = () => { cancelAnimationFrame(marking); marking = requestAnimationFrame(highlight); };
  const highlight = () => {
    if (!('highlights' in CSS)) return;
    CSS.highlights.delete('found');
    if (!terms.length) return;
    const ranges = [];
    for (const object of objects) {
      if (object.node.hidden || !object.application.node.open || ranges.length > 2000) continue;
      const box = object.node.getBoundingClientRect();
      if (box.bottom < -600 || box.top > innerHeight + 600) continue;
      const walker = document.createTreeWalker(object.node, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const lower = walker.currentNode.data.toLowerCase();
        for (const term of terms) {
          for (let at = lower.indexOf(term); at >= 0; at = lower.indexOf(term, at + term.length)) {
            const range = new Range();
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, Math.min(at + term.length, walker.currentNode.length));
            ranges.push(range);
          }
        }
      }
    }
    if (ranges.length) CSS.highlights.set('found', new Highlight(...ranges));
  };
  addEventListener('scroll', () => { if (terms.length) highlightSoon(); }, { passive: true });

  // Where a line comes from.
  const tip = one('origin');
  const explain = (button) => {
    tip.textContent = button.dataset.origin;
    tip.hidden = false;
    const box = button.getBoundingClientRect();
    const left = Math.min(box.left + scrollX, scrollX + innerWidth - tip.offsetWidth - 12);
    tip.style.left = `${Math.max(left, 12)}px`;
    const above = box.top - tip.offsetHeight - 6;
    tip.style.top = `${(above > 0 ? above : box.bottom + 6) + scrollY}px`;
  };
  const origin = (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const row = target && target.closest('table.diff tr');
    const button = target && (target.closest('.origin') || (row && row.querySelector('.origin')));
    if (button) explain(button);
    else tip.hidden = true;
  };
  for (const name of ['mouseover', 'focusin', 'click']) document.addEventListener(name, origin);

  // Folds.
  const expand = one('expand');
  let expanded = false;
  const toggleAll = () => {
    expanded = !expanded;
    for (const item of applications) if (!item.node.hidden) item.node.open = expanded;
    expand.textContent = expanded ? 'Collapse all' : 'Expand all';
  };
  expand.addEventListener('click', toggleAll);
  const reveal = (node) => {
    for (let at = node; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
    node.scrollIntoView({ block: 'start' });
    const summary = node.querySelector('summary');
    if (summary) summary.focus({ preventScroll: true });
  };
  const follow = () => {
    const target = location.hash.length > 1 && one(location.hash.slice(1));
    if (!target || !target.matches('.application, .object')) return;
    if (target.hidden || target.parentElement.hidden) {
      search.value = '';
      application.value = '';
      kind.value = '';
      for (const chip of chips) chip.setAttribute('aria-pressed', 'true');
      apply();
    }
    reveal(target);
  };
  addEventListener('hashchange', follow);
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element && event.target.closest('a[href^="#a"]');
    if (link && link.hash === location.hash) follow();
  });

  const toggleTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  };
  one('theme').addEventListener('click', toggleTheme);
  one('help').addEventListener('click', () => one('shortcuts').showModal());

  // The keyboard.
  const step = (items, by) => {
    const shown = items.filter((item) => !item.node.hidden && !item.node.parentElement.hidden);
    if (!shown.length) return;
    const active = document.activeElement;
    let at = shown.findIndex((item) => item.node === active || item.node.contains(active));
    if (at < 0) {
      at = shown.findIndex((item) => item.node.getBoundingClientRect().bottom > 80);
      at = by > 0 ? at - 1 : at;
    }
    reveal(shown[Math.min(Math.max(at + by, 0), shown.length - 1)].node);
  };
  const views = all('input[name=view]').map((input) => input.value);
  const keys = {
    '/': () => { search.focus(); search.select(); },
    j: () => step(objects, 1),
    k: () => step(objects, -1),
    n: () => step(applications, 1),
    p: () => step(applications, -1),
    o: () => {
      const fold = document.activeElement && document.activeElement.closest('details');
      if (fold) fold.open = !fold.open;
    },
    e: toggleAll,
    v: () => setView(views[(views.indexOf(view) + 1) % views.length]),
    t: toggleTheme,
    '?': () => one('shortcuts').showModal(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') {
      tip.hidden = true;
      if (document.activeElement === search && search.value) { search.value = ''; apply(); } else search.blur();
      return;
    }
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) && document.activeElement.type !== 'radio') return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  // Paper has no folds.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = all('details:not([open])');
    for (const fold of folded) fold.open = true;
    for (const diff of diffs) show(diff);
  });
  addEventListener('afterprint', () => { for (const fold of folded) fold.open = false; });

  const bar = document.querySelector('.controls');
  new ResizeObserver(() => root.style.setProperty('--bar', `${narrow.matches ? 0 : bar.offsetHeight}px`)).observe(bar);
  apply();
  observe();
  follow();
})();
