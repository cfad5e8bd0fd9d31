import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import test from 'node:test';
import { TEXTS } from '../../coordinator/src/http/assets/text.js';
import { href, parse } from '../../coordinator/src/http/assets/router.js';
import { ASSETS } from './assets.mjs';

const names = (await readdir(ASSETS, { recursive: true })).filter((name) => /\.(js|css|html|svg)$/.test(name));
const files = new Map(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, ASSETS), 'utf8')])));
const scripts = [...files].filter(([name]) => name.endsWith('.js'));

test('no way leads from text to HTML or code', () => {
  const html = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|srcdoc/;
  const code = /\beval\(|new Function|setAttribute\(['"](style|on)|javascript:/;
  for (const [name, text] of scripts) for (const way of [html, code]) assert.doesNotMatch(text, way, name);
  assert.doesNotMatch(files.get('index.html'), /\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)/);
});

test('nothing is asked of another origin', () => {
  for (const [name, text] of files) {
    const addresses = (text.match(/https?:\/\/[^\s'"`)]+/g) ?? []).filter((one) => one !== 'http://www.w3.org/2000/svg');
    assert.deepEqual(addresses, [], name);
    if (!name.endsWith('.js')) assert.doesNotMatch(text, /@import|url\(/, name);
  }
});

test('every import names a file that is there', () => {
  for (const [name, text] of scripts) {
    for (const [, target] of text.matchAll(/(?:from|import) '(\.[^']+)'/g)) {
      const found = new URL(target, new URL(name, ASSETS)).href.slice(ASSETS.href.length);
      assert.ok(files.has(found), `${name} imports ${target}`);
    }
  }
});

test('every text that is asked for stands in the table, and every one that stands there is asked for', () => {
  const asked = new Set();
  const families = new Set();
  for (const [name, text] of scripts) {
    if (name === 'text.js') continue;
    for (const [, key] of text.matchAll(/'([a-z][a-z-]*(?:\.[a-z-]+)*)'/g)) asked.add(key);
    for (const [, family] of text.matchAll(/`([a-z-]+\.(?:[a-z-]+)?)\$\{/g)) families.add(family);
    for (const [, rest] of text.matchAll(/\$\{name\}(\.[a-z]+)`|\$\{state\}(\.[a-z]+)`/g)) if (rest) families.add(rest);
    for (const [, key] of text.matchAll(/\bt\('([^']+)'/g)) assert.ok(key in TEXTS, `${name} asks for ${key}`);
  }
  const isAsked = (key) =>
    asked.has(key) ||
    [...families].some((family) => key.startsWith(family) || (family.startsWith('.') && key.endsWith(family))) ||
    key.endsWith('.title');
  assert.deepEqual(
    Object.keys(TEXTS).filter((key) => !isAsked(key)),
    [],
  );
});

test('both languages fill in the same', () => {
  const places = (text) =>
    [...text.matchAll(/\{(\w+)\}/g)]
      .map(([, name]) => name)
      .sort()
      .join();
  for (const [key, [english, chinese]] of Object.entries(TEXTS)) {
    const forms = Array.isArray(english) ? english : [english];
    for (const form of forms) assert.equal(places(form), places(chinese), key);
    assert.ok(!Array.isArray(english) || forms.every((form) => form.includes('{n}')), `${key} has two forms, but no number`);
  }
});

test('addresses come back as they were, whatever stands in them', () => {
  const path = ['jobs', 'a/b?c#d%', '中文'];
  const query = { uri: 'file:///a b&c=d', id: '<script>' };
  const { path: parsed, query: found } = parse(href(path, query));
  assert.deepEqual(parsed, path);
  assert.deepEqual(Object.fromEntries(found), query);
  assert.deepEqual(parse('#/jobs/%E0%A4%A').path, ['jobs', '%E0%A4%A']);
  assert.deepEqual(parse('').path, []);
});
