// Tests of the answers to what the platform's parser refuses: its codes, and a raw answer that is whole.

import t from 'tap'
import { PassThrough } from 'node:stream'
import type { Socket } from 'node:net'
import { doorProblem } from './reply.ts'
import { answerRaw, parserProblem } from './parser-errors.ts'

t.test('every code of the parser has its status', async t => {
  const cases: [string, number][] = [
    ['HPE_HEADER_OVERFLOW', 431], ['ERR_HTTP_REQUEST_TIMEOUT', 408], ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
    ['HPE_INVALID_METHOD', 400], ['EPIPE', 400]
  ]
  for (const [code, status] of cases) t.equal(parserProblem(Object.assign(new Error('x'), { code })).status, status, code)
  t.equal(parserProblem(new Error('x')).status, 400)
})

t.test('a raw answer is a whole response, then the socket is closed', async t => {
  const socket = Object.assign(new PassThrough(), { destroySoon () { socket.end() } })
  answerRaw(socket as unknown as Socket, doorProblem('method-not-allowed', 'no'), 'r1', 'allow: POST\r\n')
  const text = (await socket.toArray() as Buffer[]).join('')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 405 Method Not Allowed\r\n/)
  t.match(head, /\r\nallow: POST$/)
  t.match(head, new RegExp(`\r\ncontent-length: ${body.length}\r\n`))
  t.match(JSON.parse(body), { status: 405, requestId: 'r1' })
})

t.test('a socket that cannot be written is only destroyed', async t => {
  let destroyed = false
  answerRaw({ writable: false, destroy () { destroyed = true } } as unknown as Socket, doorProblem('unknown-path', ''), 'r')
  t.ok(destroyed)
})
