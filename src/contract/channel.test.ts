// The grammar of channels, as text and percent-encoded.

import fc from 'fast-check'
import t from 'tap'
import { channelBytesMax, decodeChannel, levelCountMax, parseChannel } from './channel.ts'
import { isRefusal } from './outcome.ts'

function detailOf (outcome: unknown): string {
  return isRefusal(outcome) && outcome.code === 'malformed' ? outcome.detail : ''
}

t.test('channels within the grammar pass unchanged', async t => {
  const table = [
    'orders', 'orders/eu', 'a/$b/_c', 'orders/a b', 'Größe/東京/😀', '...', 'a/...', '.a/b.', 'a/..b', '~/-:@!,;=&',
    'x'.repeat(channelBytesMax), 'é'.repeat(127), Array(levelCountMax).fill('x').join('/')
  ]
  for (const channel of table) t.equal(parseChannel(channel), channel)
})

t.test('channels outside the grammar are refused with what is wrong', async t => {
  const table: [string, RegExp][] = [
    ['', /empty/],
    ['/', /empty level/],
    ['/a', /empty level/],
    ['a/', /empty level/],
    ['a//b', /empty level/],
    ['$SYS/x', /\$ or _/],
    ['_internal', /\$ or _/],
    ['.', /level \. or \.\./],
    ['a/../b', /level \. or \.\./],
    ['a/.', /level \. or \.\./],
    ['a\0', /control/],
    ['a\n/b', /control/],
    ['a\x7fb', /control/],
    ['a\u0085b', /control/],
    ['a/#', /wildcards/],
    ['+/b', /wildcards/],
    ['a\ud800', /surrogate/],
    ['a\udc00b', /surrogate/],
    ['\ud800\ud800\udc00', /surrogate/],
    ['x'.repeat(channelBytesMax + 1), /255 bytes/],
    ['é'.repeat(128), /255 bytes/],
    ['😀'.repeat(64), /255 bytes/],
    [Array(levelCountMax + 1).fill('x').join('/'), /16 levels/]
  ]
  for (const [channel, expected] of table) t.match(detailOf(parseChannel(channel)), expected, JSON.stringify(channel))
})

t.test('percent-encoding is undone exactly once', async t => {
  t.equal(decodeChannel('orders/eu'), 'orders/eu')
  t.equal(decodeChannel('orders%2Feu'), 'orders/eu')
  t.equal(decodeChannel('a%2525'), 'a%25')
  t.equal(decodeChannel('%E6%9D%B1/%f0%9f%98%80'), '東/😀')
  t.equal(decodeChannel('a+b').constructor, Object, 'a plus sign is not a space')
})

t.test('what percent-encoding hides is judged after it', async t => {
  const table: [string, RegExp][] = [
    ['a%', /percent-encoded/],
    ['a%2', /percent-encoded/],
    ['a%zz', /percent-encoded/],
    ['%C0%A0', /percent-encoded/],
    ['%ED%A0%80', /percent-encoded/],
    ['%FF', /percent-encoded/],
    ['é', /outside ASCII/],
    ['%2e%2e/x', /level/],
    ['%24SYS', /\$ or _/],
    ['a%2F%2Fb', /empty level/],
    ['a%00', /control/],
    ['%23', /wildcards/]
  ]
  for (const [path, expected] of table) t.match(detailOf(decodeChannel(path)), expected, path)
})

t.test('any text is parsed or refused, and a parsed channel survives its encoding', async t => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', '/', '.', '$', '\ud800', '%') }))
  fc.assert(fc.property(text, text => {
    const parsed = parseChannel(text)
    decodeChannel(text)
    if (isRefusal(parsed)) return parsed.code === 'malformed' && parsed.detail !== ''
    return parsed === text && Buffer.byteLength(text) <= channelBytesMax &&
      decodeChannel(encodeURIComponent(text)) === text
  }), { numRuns: 2_000 })
  t.pass('no counterexample')
})
