// Elements. Text goes in as text, never as HTML, and with what is hidden in it shown: there is no other way in.

import { visible } from './logic/escape.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Attributes that people read or hear. */
const SPOKEN = new Set(['title', 'alt', 'placeholder', 'aria-label', 'aria-valuetext', 'aria-description']);

/**
 * An element.
 * @param {string} tag
 * @param {Record<string, unknown> | null} facts attributes; `class`; `on`: handlers by event; `style`: properties; `props`:
 *   properties of the element. Null and false ones are left out.
 * @param {...unknown} children nodes, texts, lists of them; null and false ones are left out
 */
export function h(tag, facts = null, ...children) {
  return filled(document.createElement(tag), facts, children);
}

/** An element of SVG. */
export function svg(tag, facts = null, ...children) {
  return filled(document.createElementNS(SVG, tag), facts, children);
}

function filled(element, facts, children) {
  for (const [name, value] of Object.entries(facts ?? {})) {
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === 'style') {
      for (const [property, setting] of Object.entries(value)) element.style.setProperty(property, setting);
    } else if (name === 'props') {
      Object.assign(element, value);
    } else {
      attribute(element, name, value);
    }
  }
  append(element, children);
  return element;
}

function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : visible(String(child)));
  }
}

/** Sets an attribute, if that changes it; null and false remove it. */
export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  const shown = SPOKEN.has(name) ? visible(text) : text;
  if (element.getAttribute(name) !== shown) element.setAttribute(name, shown);
}

/** Sets the text of an element, if that changes it: a reader's place and selection stay. */
export function setText(element, text) {
  const shown = visible(String(text));
  if (element.textContent !== shown) element.textContent = shown;
}

/** Replaces what an element holds. */
export function setChildren(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

const parts = new WeakMap();

/**
 * Makes the children of an element those of a list. A child stays the same element while its key stays in the list, so that
 * focus and selection outlive new figures.
 * @template T
 * @param {Element} parent
 * @param {Iterable<T>} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => {el: Element, update?: (item: T) => void}} make
 */
export function keyed(parent, items, keyOf, make) {
  const former = parts.get(parent) ?? new Map();
  const present = new Map();
  const focused = document.activeElement;
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    if (present.has(key)) continue;
    const part = former.get(key) ?? make(item);
    part.update?.(item);
    present.set(key, part);
    if (part.el === cursor) {
      cursor = cursor.nextElementSibling;
    } else {
      parent.insertBefore(part.el, cursor);
    }
  }
  for (const [key, part] of former) if (!present.has(key)) part.el.remove();
  parts.set(parent, present);
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}
