// One row per rule that CloudEvents 1.0 sets for context attributes.

import fc from 'fast-check'
import t from 'tap'
import { decodeHeaderValue, finishContext, newDraft, setAttribute, unjudgedName } from './cloudevents.ts'
import type { ContextDraft } from './cloudevents.ts'
import { isRefusal } from './outcome.ts'

function draftOf (attributes: Record<string, string | number | boolean>): ContextDraft {
  const draft = newDraft()
  for (const [name, value] of Object.entries(attributes)) {
    const refusal = setAttribute(draft, name, value)
    if (refusal !== undefined) throw new Error(refusal.detail)
  }
  return draft
}

const required = { specversion: '1.0', id: 'a-1', source: '/shop', type: 'order.placed' }

t.test('a context has what was set and nothing else', async t => {
  t.same(finishContext(draftOf(required)), {
    id: 'a-1',
    source: '/shop',
    type: 'order.placed',
    subject: undefined,
    time: undefined,
    datacontenttype: undefined,
    dataschema: undefined,
    extensions: new Map()
  })
  const optional = {
    subject: 's',
    time: '2026-01-31T09:30:00.123456789+01:00',
    datacontenttype: 'Text/Plain; CharSet=utf-8',
    dataschema: 'https://example.com/order.json'
  }
  const extensions = { partitionkey: 'k', sampledrate: 5, urgent: true, empty: '', [`x${'y'.repeat(30)}`]: '20 is advice' }
  t.match(finishContext(draftOf({ ...required, ...optional, ...extensions })), {
    ...optional, extensions: new Map<string, unknown>(Object.entries(extensions))
  })
})

t.test('a missing required attribute is a refusal, never an invention', async t => {
  for (const name of Object.keys(required)) {
    const rest = Object.fromEntries(Object.entries(required).filter(([key]) => key !== name))
    t.match(finishContext(draftOf(rest)), { code: 'invalid-event', pointer: `/${name}`, detail: /missing/ }, name)
  }
})

t.test('values within the rules are set', async t => {
  const table: [string, (string | number | boolean)[]][] = [
    ['id', ['0', ' ', 'ä', '😀', '\u{10fffd}', '\ufffd']],
    ['source', ['urn:x:y', '1-555-123-4567', '//host/a?b#c', 'mailto:a@b.example']],
    ['type', ['com.example.v2', 'any text']],
    ['specversion', ['1.0']],
    ['datacontenttype', [
      'application/json', 'text/xml;charset=utf-8', 'multipart/x; boundary="a;b\\"c"', 'a/b ; c=d ;', 'application/vnd.a+json'
    ]],
    ['dataschema', ['urn:schema:1', 'https://example.com/a#/b']],
    ['time', ['1990-12-31T23:59:60Z']],
    ['x1', ['', 'text', 0, -0, 1, -1, 2_147_483_647, -2_147_483_648, true, false]],
    ['0', ['a name may begin with a digit']]
  ]
  for (const [name, values] of table) {
    for (const value of values) t.equal(setAttribute(newDraft(), name, value), undefined, `${name}: ${JSON.stringify(value)}`)
  }
  t.equal(draftOf({ x: -0 }).extensions?.get('x'), 0)
})

t.test('values outside the rules are refused with what to do', async t => {
  const control = /control character/
  const table: [string, string | number | boolean, RegExp][] = [
    ['id', '', /empty/], ['source', '', /empty/], ['type', '', /empty/], ['specversion', '', /empty/], ['subject', '', /empty/],
    ['time', '', /empty/], ['datacontenttype', '', /empty/], ['dataschema', '', /empty/],
    ['id', 'a\0', control], ['id', 'a\n', control], ['subject', '\u001f', control], ['subject', '\u007f', control],
    ['x', 'a\u0080', control], ['x', '\u009f', control],
    ['id', '\ud800', /surrogate/], ['id', 'a\udc00b', /surrogate/], ['x', '\ud83d\ud83d', /surrogate/],
    ['id', '\ufffe', /noncharacter/], ['id', '\uffff', /noncharacter/], ['x', '\ufdd0', /noncharacter/],
    ['x', '\ufdef', /noncharacter/], ['x', '\u{1fffe}', /noncharacter/], ['x', '\u{10ffff}', /noncharacter/],
    ['specversion', '0.3', /"1\.0"/], ['specversion', '1.0.2', /"1\.0"/], ['specversion', '2.0', /"1\.0"/],
    ['source', 'a b', /URI reference/], ['source', 'http://h/ä', /URI reference/], ['source', '%zz', /URI reference/],
    ['dataschema', '/relative', /absolute URI/], ['dataschema', 'no scheme', /absolute URI/],
    ['source', `/${'a'.repeat(65_536)}`, /65536/],
    ['time', 'yesterday', /RFC 3339/], ['time', '2026-02-30T00:00:00Z', /RFC 3339/],
    ['datacontenttype', 'json', /media type/], ['datacontenttype', 'a/b; c', /media type/], ['datacontenttype', 'a/b c', /media type/],
    ['datacontenttype', 'a/', /media type/], ['datacontenttype', 'a/b;c="d', /media type/], ['datacontenttype', '/b', /media type/],
    ['x', 1.5, /integer/], ['x', 2_147_483_648, /integer/], ['x', -2_147_483_649, /integer/], ['x', NaN, /integer/],
    ['x', Infinity, /integer/], ['id', 5, /string/], ['subject', true, /string/], ['specversion', 1, /string/], ['time', 0, /string/]
  ]
  for (const [name, value, detail] of table) {
    const title = `${name}: ${JSON.stringify(value)}`.slice(0, 60).replaceAll(/[^ -~]/g, '?')
    t.match(setAttribute(newDraft(), name, value), { code: 'invalid-event', pointer: `/${name}`, detail }, title)
  }
})

t.test('names are lower-case letters and digits', async t => {
  for (const name of ['', 'A', 'dataContentType', 'a_b', 'a-b', 'a.b', 'é', 'a b', 'data_base64', 'a\0', '__proto__']) {
    t.match(setAttribute(newDraft(), name, 'v'), { code: 'invalid-event', detail: /name/ }, JSON.stringify(name))
  }
  t.match(setAttribute(newDraft(), 'data', 'v'), { code: 'invalid-event', pointer: '/data' })
  t.match(setAttribute(newDraft(), 'a/~b', 'v'), { pointer: '/a~1~0b' })
  const long = setAttribute(newDraft(), 'X'.repeat(100_000), 'v')
  t.ok(long !== undefined && long.detail.length < 300, 'a refusal does not repeat what is long')
  for (const name of ['constructor', 'tostring', 'proto']) {
    const draft = draftOf({ [name]: 'v' })
    t.equal(draft.extensions?.get(name), 'v', name)
  }
})

t.test('an attribute is set once', async t => {
  for (const name of ['id', 'source', 'type', 'subject', 'x']) {
    const draft = draftOf({ [name]: 'a' })
    t.match(setAttribute(draft, name, 'a'), { code: 'invalid-event', pointer: `/${name}`, detail: /more than once/ }, name)
  }
})

t.test('nothing that is set makes the codec throw', async t => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('id', 'source', 'time', 'datacontenttype', 'dataschema', 'x'))
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.double(), fc.integer(), fc.boolean())
  fc.assert(fc.property(name, value, (name, value) => {
    const refusal = setAttribute(newDraft(), name, value)
    return refusal === undefined || (refusal.code === 'invalid-event' && refusal.pointer !== undefined)
  }), { numRuns: 5_000 })
  t.pass('no counterexample')
})

t.test('media types with much space are judged in line with their length', async t => {
  for (const text of [`a/b${'; '.repeat(20_000)}!`, `a/b;${' '.repeat(60_000)}!`, `a/b;c="${'\\"'.repeat(30_000)}`]) {
    const startedMs = performance.now()
    t.match(setAttribute(newDraft(), 'datacontenttype', text), { code: 'invalid-event' })
    t.ok(performance.now() - startedMs < 1_000)
  }
})

t.test('header values are unquoted once and percent-decoded once', async t => {
  const table: [string, string][] = [
    ['', ''], ['plain', 'plain'], ['with space', 'with space'], ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['%e2%82%ac', '€'], ['%41%2525', 'A%25'], ['"quoted value"', 'quoted value'], ['"a\\"b\\\\c"', 'a"b\\c'],
    ['"%22"', '"'], ['%22a%22', '"a"'], ['a"b"', 'a"b"'], ['""', ''], ['"\\%41"', 'A'], ['a+b', 'a+b'], ['(no comment)', '(no comment)']
  ]
  for (const [header, value] of table) t.equal(decodeHeaderValue(header), value, header)
})

t.test('header values that are not what they promise are malformed', async t => {
  for (const header of ['%C0%A0', '%ED%A0%80', '%F4%90%80%80', '%FF', '%E2%82', '%', '%4', '%zz', '100%', '"open', '"', '"a\\"', 'é', 'a\tb']) {
    t.match(decodeHeaderValue(header), { code: 'malformed' }, header.replaceAll(/[^ -~]/g, '?'))
  }
})

t.test('what is percent-encoded by the rules comes back', async t => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), text => {
    const decoded = decodeHeaderValue(encodeURIComponent(text))
    return !isRefusal(decoded) && decoded === text
  }))
  t.pass('no counterexample')
})

t.test('no sender says which policies failed: that extension is refused', async t => {
  const draft = newDraft()
  const refusal = setAttribute(draft, unjudgedName, 'acl')
  t.match(refusal, { code: 'invalid-event', pointer: '/unjudgedby', detail: /set by the gateway only/ })
  t.equal(draft.extensions, undefined)
})
