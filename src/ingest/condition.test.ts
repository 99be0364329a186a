// Tests of conditions: what they see, what is no condition, and that neither text nor event can make one slow.

import t from 'tap'
import type { Envelope, ExtensionValue } from '../contract/envelope.ts'
import { envelopeWith, judgeContext, oddEnvelopes } from '../../test/support/odd-envelopes.ts'
import { compileCondition } from './condition.ts'
import type { Unclear } from './condition.ts'

function holds (text: string, parts: Partial<Envelope> = {}): boolean | Unclear {
  const condition = compileCondition(text)
  if ('mistake' in condition) throw new Error(condition.mistake)
  return condition.test(Object.freeze(envelopeWith(parts)), judgeContext)
}

function mistakeOf (text: string): string {
  const condition = compileCondition(text)
  return 'mistake' in condition ? condition.mistake : ''
}

const full: Partial<Envelope> = {
  subject: 'box-7', time: '2026-03-01T10:00:00Z', dataschema: 'https://example.com/s', data: Buffer.alloc(70_000),
  extensions: new Map<string, ExtensionValue>([['level', 3], ['urgent', true], ['partitionkey', 'k']]),
  principal: { name: 'anna', groups: ['staff', 'admins'], anonymous: false, attributes: { tenant: 'acme' } }
}

const table: [text: string, expected: boolean][] = [
  ['true', true],
  ['principal.name == "anna"', true],
  ['"admins" in principal.groups', true],
  ['"guests" in principal.groups', false],
  ['principal.groups.exists(group, group.startsWith("ad"))', true],
  ['principal.groups.all(group, group.size() > 5)', false],
  ['principal.attributes.tenant == "acme" && !principal.anonymous', true],
  ['"toString" in principal.attributes', false],
  ['event.id == "1" && event.source == "/shop/eu" && event.type == "com.example.order"', true],
  ['event.subject.startsWith("box-") && event.subject.endsWith("7") && event.subject.contains("x-")', true],
  ['event.subject.matches("^box-[0-9]+$")', true],
  ['event.subject.matches("^ox")', false],
  ['principal.groups.exists(group, group.matches("^st.ff$"))', true],
  ['timestamp(event.time) < timestamp("2026-03-02T00:00:00Z")', true],
  ['timestamp(event.time).getDayOfWeek() == 0', true],
  ['event.datacontenttype == "application/json" && event.dataschema != ""', true],
  ['event.bytes > 65536', true],
  ['event.bytes == 70000', true],
  ['event.extensions.level == 3', true],
  ['event.extensions.level > 2.5', true],
  ['event.extensions.urgent == true', true],
  ['has(event.extensions.none)', false],
  ['"partitionkey" in event.extensions && event.extensions.partitionkey == "k"', true],
  ['"none" in event.extensions && event.extensions.none == "k"', false],
  ['channel == "orders/eu" && route == "orders" && topic == "orders.eu"', true],
  ['peer.address == "127.0.0.1" && !peer.secure', true],
  ['event.type in ["a", "com.example.order"] ? true : false', true]
]

t.test('a condition sees who sends, what, where to and from where', async t => {
  for (const [text, expected] of table) t.equal(holds(text, full), expected, text)
})

t.test('what an event does not have is the empty text', async t => {
  const bare = { subject: undefined, time: undefined, datacontenttype: undefined, data: null }
  t.equal(holds('event.subject == "" && event.time == "" && event.datacontenttype == "" && event.dataschema == ""', bare), true)
  t.equal(holds('event.bytes == 0 && size(event.extensions) == 0 && size(principal.attributes) == 0', bare), true)
})

t.test('an expression that has no value for an event says why, in one line', async t => {
  const table: [text: string, parts: Partial<Envelope>, words: RegExp][] = [
    ['event.extensions.none == "x"', {}, /^No such key: none$/],
    ['principal.attributes.tenant == "x"', {}, /^No such key: tenant$/],
    ['timestamp(event.time) > timestamp("2026-01-01T00:00:00Z")', { time: 'soon' }, /^timestamp\(\)/],
    ['int(event.subject) > 3', { subject: 'x' }, /^int\(\)/]
  ]
  for (const [text, parts, words] of table) t.match(holds(text, parts), { unclear: words }, text)
})

t.test('whether an event has something can be tested before it is used', async t => {
  for (const text of ['has(event.extensions.none)', '"none" in event.extensions']) {
    t.equal(holds(`${text} && event.extensions.none == "x"`), false)
    t.equal(holds(`!(${text}) || event.extensions.none == "x"`), true)
  }
  t.equal(holds('has(principal.attributes.tenant) && principal.attributes.tenant == "a"'), false)
})

t.test('what is no condition is a mistake in words, with nothing run', async t => {
  const mistakes: [text: string, words: RegExp][] = [
    ['', /./], ['1 +', /Unexpected token/], ['event.nope == 1', /No such key: nope; .*event has id, source/],
    ['envelope.id == "1"', /Unknown variable: envelope; there are principal/],
    ['event.id', /true or false, not string/], ['event.extensions.urgent', /true or false, not dyn/],
    ['event.id == 1', /no such overload/], ['event.id = "1"', /./],
    ['x'.repeat(2_001), /may have 2000 characters/], [`${'('.repeat(30)}true${')'.repeat(30)}`, /maxDepth/],
    [Array.from({ length: 150 }, () => 'true').join('&&'), /maxAstNodes|maxDepth/],
    ['event.subject.matches("(")', /no RE2 expression/], ['event.subject.matches("(?=a)")', /no RE2 expression/],
    ['event.subject.matches(event.id)', /written out/], ['event.subject.matches("a" + "b")', /written out/],
    ['principal.groups.map(g, g).size() > 1', /map may not be used/], ['event.subject.split("").size() > 1', /split may not/],
    ['cel.bind(x, "a", x == "a")', /bind may not/], ['dyn(1) == 1', /dyn may not/], ['event.subject.matchesInLinearTime("a")', /may not/],
    ['principal.groups.exists(a, principal.groups.exists(b, a == b))', /may not stand within/]
  ]
  for (const [text, words] of mistakes) t.match(mistakeOf(text), words, text.slice(0, 60))
})

t.test('a mistake is one line', async t => {
  t.notMatch(mistakeOf('event.nope == 1'), /\n/)
})

t.test('no pattern takes more than linear time', async t => {
  const subject = `${'a'.repeat(50_000)}!`
  for (const pattern of ['(a+)+$', '^(a|a)*$', '(.*a){12}$', '([a-z]+)*[0-9]$']) {
    const startMs = performance.now()
    t.equal(holds(`event.subject.matches(${JSON.stringify(pattern)})`, { subject }), false, pattern)
    t.equal(holds(`principal.groups.exists(g, event.subject.matches(${JSON.stringify(pattern)}))`, { subject }), false)
    t.ok(performance.now() - startMs < 5_000, pattern)
  }
})

t.test('odd events are judged like others, and not changed', async t => {
  const condition = compileCondition('event.id != "" && event.subject.size() < 3 && size(event.extensions) < 9 && channel != "x"')
  if ('mistake' in condition) return t.fail(condition.mistake)
  for (const envelope of oddEnvelopes()) t.type(condition.test(Object.freeze(envelope), judgeContext), 'boolean')
})

t.test('only what an expression names is read', async t => {
  const envelope = envelopeWith({})
  const read: string[] = []
  const watched = new Proxy(envelope, {
    get (target, name) {
      read.push(String(name))
      return Reflect.get(target, name) as unknown
    }
  })
  const condition = compileCondition('channel == "none" && event.bytes > 1 && event.subject == ""')
  if ('mistake' in condition) return t.fail(condition.mistake)
  condition.test(watched, judgeContext)
  t.same(read, ['channel'])
})
