// Answers are counted right however their bytes are cut.

import fc from 'fast-check'
import t from 'tap'
import { AnswerReader } from './answer-reader.ts'

const plain = (body: string): string => `HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const chunked = (parts: readonly string[]): string => 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n' +
  parts.map(part => `${part.length.toString(16)}\r\n${part}\r\n`).join('') + '0\r\n\r\n'

const body = fc.string({ maxLength: 40, unit: fc.constantFrom('a', '\r', '\n', '0', '{') })
const answer = fc.oneof(body.map(plain), fc.array(body.filter(text => text !== ''), { maxLength: 4 }).map(chunked))

t.test('every answer is found once, wherever the bytes are cut', async t => {
  fc.assert(fc.property(fc.array(answer, { maxLength: 5 }), fc.array(fc.nat(300)), (answers, cuts) => {
    const bytes = Buffer.from(answers.join(''), 'latin1')
    const reader = new AnswerReader()
    let at = 0
    let count = 0
    for (const cut of [...cuts.filter(each => each < bytes.length).sort((a, b) => a - b), bytes.length]) {
      count += reader.take(bytes.subarray(at, cut))
      at = cut
    }
    t.equal(count, answers.length)
  }))
})

t.test('the status is that of the latest answer', async t => {
  const reader = new AnswerReader()
  t.equal(reader.take(Buffer.from(`${plain('')}HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n`)), 2)
  t.equal(reader.status, 503)
})

t.test('what cannot be counted throws', async t => {
  t.throws(() => new AnswerReader().take(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), /no length/)
  t.throws(() => new AnswerReader().take(Buffer.from('nonsense\r\n\r\n')), /no answer/)
})
