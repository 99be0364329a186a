// The same messages wherever the bytes are cut; sizes that cannot be true are told, and little is held.

import t from 'tap'
import fc from 'fast-check'
import { Frames, frameBytesMax } from './frames.ts'

function framed (text: string): Buffer {
  const bytes = Buffer.from(text)
  const size = Buffer.alloc(4)
  size.writeInt32BE(bytes.length)
  return Buffer.concat([size, bytes])
}

t.test('cuts change nothing', async t => {
  const texts = fc.array(fc.string({ minLength: 4, maxLength: 20, unit: 'grapheme-ascii' }), { maxLength: 8 })
  fc.assert(fc.property(texts, fc.array(fc.nat(200), { maxLength: 10 }), (messages, cuts) => {
    const bytes = Buffer.concat(messages.map(framed))
    const places = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((one, other) => one - other), bytes.length]
    const seen: string[] = []
    const frames = new Frames(frame => { seen.push(String(frame)) })
    for (const [at, end] of places.slice(1).entries()) t.equal(frames.push(bytes.subarray(places[at], end)), undefined)
    t.same(seen, messages)
  }), { numRuns: 300 })
})

t.test('a size that cannot be true is told at once, also when it comes byte by byte', async t => {
  for (const size of [-1, 0, 3, frameBytesMax + 1, 0x7fffffff]) {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(size)
    const told = [...bytes].map((_, at) => at)
    const frames = new Frames(() => { t.fail('a message') })
    t.same(told.map(at => frames.push(bytes.subarray(at, at + 1)) !== undefined), [false, false, false, true])
  }
})

t.test('an alert of TLS is known as such', async t => {
  t.match(new Frames(() => { t.fail('a message') }).push(Buffer.from('15030300020250', 'hex')), /secure TLS connection/)
})
