// Tests of the line splitter: the same lines wherever the chunks are cut, every byte counted, nothing held too long.

import t from 'tap'
import fc from 'fast-check'
import { LineSplitter } from './line-splitter.ts'
import type { LineSink } from './line-splitter.ts'

function collector () {
  const seen = { lines: [] as string[], bytes: 0, ready: true }
  const sink: LineSink = {
    line (line, bytes) { seen.lines.push(line.toString('latin1')); seen.bytes += bytes },
    longLine (bytes) { seen.lines.push('(long)'); seen.bytes += bytes },
    skipped (bytes) { seen.bytes += bytes },
    ready: () => seen.ready
  }
  return { seen, sink }
}

function split (chunks: Buffer[], lineBytesMax: number) {
  const { seen, sink } = collector()
  const splitter = new LineSplitter(sink, lineBytesMax)
  for (const chunk of chunks) splitter.push(chunk)
  splitter.end()
  return seen
}

t.test('lines end with LF or CRLF, those of white space are none, the last LF is optional', async t => {
  t.same(split([Buffer.from('a\nbc\r\n\n\r\nd')], 10).lines, ['a', 'bc', 'd'])
  t.same(split([Buffer.from(' \t\r\na \n  ')], 10).lines, ['a '])
  t.same(split([Buffer.from('\n\n')], 10).lines, [])
  t.same(split([], 10).lines, [])
})

t.test('a line above the limit is passed over, and the next one is read', async t => {
  t.same(split([Buffer.from('aaaa\nbbbbb\ncccc')], 4).lines, ['aaaa', '(long)', 'cccc'])
  t.same(split([Buffer.from('aaa'), Buffer.from('aa'), Buffer.from('aaaaaaaa'), Buffer.from('a\nb')], 4).lines, ['(long)', 'b'])
  t.same(split([Buffer.from('aaaaa')], 4).lines, ['(long)'])
})

t.test('an endless line is not held', async t => {
  const { sink, seen } = collector()
  const splitter = new LineSplitter(sink, 100)
  for (let count = 0; count < 1_000; count++) {
    splitter.push(Buffer.alloc(100, 0x61))
    if (count > 0) t.equal(splitter.drop(), 0)
  }
  t.ok(seen.bytes >= 99_900)
})

t.test('cuts change nothing, and every byte is counted once', async t => {
  const part = fc.constantFrom('a', 'b', '\n', '\r\n', '\r', 'cccccccc')
  const text = fc.array(part, { maxLength: 60 }).map(parts => parts.join(''))
  const places = fc.array(fc.nat(80), { maxLength: 8 })
  fc.assert(fc.property(text, places, fc.integer({ min: 1, max: 12 }), (whole, cuts, max) => {
    const bytes = Buffer.from(whole)
    const at = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
    const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
    const cut = split(chunks, max)
    const one = split([bytes], max)
    t.strictSame(cut.lines, one.lines)
    t.equal(cut.bytes, bytes.length)
  }), { numRuns: 300 })
})

t.test('it stops before the next line when the sink is not ready, and goes on from there', async t => {
  const { sink, seen } = collector()
  const splitter = new LineSplitter({ ...sink, ready: () => seen.lines.length < 1 }, 10)
  const rest = splitter.push(Buffer.from('a\nb\nc\n'))
  t.equal(rest?.toString(), 'b\nc\n')
  t.same(seen.lines, ['a'])
})
