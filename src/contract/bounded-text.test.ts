// Tests of reading a foreign answer: its bound, its encoding, its end.

import t from 'tap'
import { boundedText } from './bounded-text.ts'

async function * parts (...texts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === 'string' ? Buffer.from(text) : text
}

t.test('text is put together, also where a character is cut in two', async t => {
  const euro = Buffer.from('\u20ac')
  t.equal(await boundedText(parts('a', euro.subarray(0, 1), euro.subarray(1), 'b'), 5), 'a\u20acb')
  t.equal(await boundedText(parts(), 0), '')
})

t.test('what is longer than its bound is not read to its end', async t => {
  let yieldedCount = 0
  async function * endless (): AsyncGenerator<Uint8Array> {
    while (true) {
      yieldedCount++
      yield Buffer.alloc(10)
    }
  }
  t.equal(await boundedText(endless(), 25), undefined)
  t.equal(yieldedCount, 3)
})

t.test('what is no UTF-8 is no text', async t => {
  t.equal(await boundedText(parts(Buffer.from([0xff])), 10), undefined)
  t.equal(await boundedText(parts(Buffer.from([0xe2, 0x82])), 10), undefined)
})

t.test('a source that fails is told', async t => {
  async function * failing (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    throw new TypeError('terminated')
  }
  await t.rejects(boundedText(failing(), 10), /terminated/)
})
