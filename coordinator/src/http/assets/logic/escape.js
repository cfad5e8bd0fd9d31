// Text of strangers: what would not be seen is shown as its number, as in the report (coordinator/src/report/html/escape.rs).

// Control characters, marks that turn the direction of writing, and those without a width.
const HIDDEN = /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;
const ALL_HIDDEN = new RegExp(HIDDEN.source, 'gu');

/**
 * Whether a character would not be seen where it stands.
 * @param {string} character one code point
 */
export function isHidden(character) {
  return HIDDEN.test(character);
}

/**
 * The text with every hidden character as its number, such as `⟨U+202E⟩`. Line feeds and tabs stay.
 * @param {string} text
 */
export function visible(text) {
  return HIDDEN.test(text) ? text.replace(ALL_HIDDEN, number) : text;
}

/** @param {string} character */
function number(character) {
  if (character === '\n' || character === '\t') return character;
  const digits = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `⟨U+${digits}⟩`;
}
