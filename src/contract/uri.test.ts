// URIs and URI references: the examples of RFC 3986 and of CloudEvents, and what neither allows.

import fc from 'fast-check'
import t from 'tap'
import { isUri, isUriReference } from './uri.ts'

const absolute = [
  'ftp://ftp.is.co.za/rfc/rfc1808.txt', 'http://www.ietf.org/rfc/rfc2396.txt', 'ldap://[2001:db8::7]/c=GB?objectClass?one',
  'mailto:John.Doe@example.com', 'news:comp.infosystems.www.servers.unix', 'tel:+1-816-555-1212',
  'telnet://192.0.2.16:80/', 'urn:oasis:names:specification:docbook:dtd:xml:4.1.2', 'https://github.com/cloudevents',
  'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66', 'a:', 'http://u:p@h:1/a//b?c/?d#e/?', 'file:///etc', 'x:%20', 'h://a%41',
  'https://example.com/schema#/definitions/Order'
]
const relative = [
  '/cloudevents/spec/pull/123', '/sensors/tn-1234567/alerts', '1-555-123-4567', 'a', '/', '//host', '//host:80/a', './a:b',
  '?q', '#f', 'a//b', '/a:b', 'a/b:c', '../x', '', 'a?b:c', '%41', '//', '/a/', "/it's(1)"
]
const neither = [
  ' ', 'a b', '/a b', 'ä', '/a\\b', '<a>', 'a^b', '%', '%4', '%zz', 'a#b#c', '10.0.0.1:8080', '1a:b', ':a', 'h://a:b/',
  'h://[::1', 'h://[zz]/', 'a[b]', '"a"', '{a}', 'a|b', 'a`b', '//h:x'
]

t.test('absolute URIs are URIs and references', async t => {
  for (const text of absolute) {
    t.equal(isUri(text), true, text)
    t.equal(isUriReference(text), true, text)
  }
})

t.test('relative references are no URIs', async t => {
  for (const text of relative) {
    t.equal(isUri(text), false, text)
    t.equal(isUriReference(text), true, text)
  }
})

t.test('other texts are neither', async t => {
  for (const text of neither) {
    t.equal(isUri(text), false, text)
    t.equal(isUriReference(text), false, text)
  }
})

t.test('whatever a URL is written as is a URI', async t => {
  fc.assert(fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), url => isUri(new URL(url).href)))
  t.pass('no counterexample')
})

t.test('long texts take no more than linear time', async t => {
  for (const text of ['a'.repeat(65_536) + ' ', 'a:' + '/a'.repeat(32_000) + ' ', '//' + '@'.repeat(65_000) + ' ']) {
    const startedMs = performance.now()
    t.equal(isUriReference(text), false)
    t.ok(performance.now() - startedMs < 1_000)
  }
})
