// Tests of reading: order is kept whatever is compressed, nothing is read too early, what is cut short is not fine.

import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { anonymous, receiptOf } from '../../test/support/fake-ingress.ts'
import { flatEvent } from '../../test/support/grpc-client.ts'
import { beginCall, framed, startGrpc } from '../../test/support/grpc-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { Framing } from './framing.ts'
import { PublishRequest, PublishStreamRequest, PublishStreamResponse } from './generated/sluice/v1/ingest.ts'
import { Inflating } from './inflating.ts'
import { Messages } from './messages.ts'

const flat = flatEvent({ channel: 'orders/eu', data: Buffer.from('{"a":1}') })
const streamed = Buffer.from(PublishStreamRequest.encode({ id: 1, channel: '', message: { $case: 'flat', flat } }).finish())
const single = Buffer.from(PublishRequest.encode({ event: { $case: 'flat', flat }, channel: '' }).finish())

/** A recipient that takes as many as it is let. */
class Recipient {
  isOver = false
  isPaid = true
  reads = true
  room = Infinity
  readonly heard: string[] = []
  readonly flow: string[] = []
  readonly messages: Messages

  constructor (encoding = 'gzip') {
    this.messages = new Messages({
      recipient: this, inflating: new Inflating(1_000), encoding,
      flow: { pause: () => { this.flow.push('pause') }, resume: () => { this.flow.push('resume') } }
    })
  }

  get takes (): boolean { return !this.isOver && this.heard.length < this.room }
  announced (): void {}
  message (bytes: Buffer): void { this.heard.push(bytes.toString()) }
  halfClosed (isWhole: boolean): void { this.heard.push(`end ${isWhole}`) }
  unreadable ({ code }: Refusal): void {
    this.isOver = true
    this.heard.push(code)
  }

  unsupported (encoding: string): void { this.heard.push(encoding) }
}

const zipped = (text: string): Buffer => framed(gzipSync(text), true)
const plain = (text: string): Buffer => framed(Buffer.from(text))

t.test('messages keep their order, compressed or not, and the end comes behind them', async t => {
  const recipient = new Recipient()
  recipient.messages.take(Buffer.concat([plain('1'), zipped('2'), plain('3'), zipped('4'), plain('')]))
  recipient.messages.end()
  t.same(recipient.heard, ['1'])
  await until(() => recipient.heard.length === 6)
  t.same(recipient.heard, ['1', '2', '3', '4', '', 'end true'])
})

t.test('while messages wait nothing more comes in, and then it does', async t => {
  const recipient = new Recipient()
  recipient.room = 2
  recipient.messages.advance()
  recipient.messages.take(Buffer.concat([plain('1'), plain('2'), plain('3'), plain('4').subarray(0, 3)]))
  t.same([recipient.heard, recipient.flow], [['1', '2'], ['resume', 'pause']])
  recipient.messages.advance()
  t.same(recipient.flow, ['resume', 'pause'], 'there is no room still')
  recipient.room = 10
  recipient.messages.advance()
  t.same([recipient.heard, recipient.flow], [['1', '2', '3'], ['resume', 'pause', 'resume']])
  recipient.messages.take(plain('4').subarray(3))
  t.same(recipient.heard, ['1', '2', '3', '4'])
})

t.test('once it is over nothing is kept, and more comes in only if it is to get out of the way', async t => {
  const recipient = new Recipient()
  recipient.room = 1
  recipient.messages.advance()
  recipient.messages.take(Buffer.concat([plain('1'), plain('2')]))
  recipient.isOver = true
  recipient.reads = false
  recipient.messages.take(plain('3'))
  recipient.reads = true
  recipient.messages.advance()
  recipient.isOver = false
  recipient.room = 10
  recipient.messages.advance()
  t.same([recipient.heard, recipient.flow], [['1'], ['resume', 'pause', 'resume']])
})

t.test('a message of many chunks comes whole, and none of them is held', async t => {
  const recipient = new Recipient()
  const text = Array.from({ length: 5_000 }, (_, at) => String(at)).join(',')
  const bytes = plain(text)
  for (let at = 0; at < bytes.length; at += 7) {
    const chunk = Buffer.from(bytes.subarray(at, at + 7))
    recipient.messages.take(chunk)
    chunk.fill(0)
  }
  recipient.messages.take(plain('next'))
  t.same(recipient.heard, [text, 'next'])
})

t.test('what cannot be decompressed ends it: all before it is passed on, and nothing behind it', async t => {
  const recipient = new Recipient()
  recipient.room = 1
  recipient.messages.take(Buffer.concat([zipped('1'), plain('2'), framed(Buffer.from('no'), true), plain('4')]))
  await until(() => recipient.heard.length === 1)
  await new Promise(resolve => { setImmediate(resolve) })
  recipient.room = 10
  recipient.messages.advance()
  await until(() => recipient.isOver)
  recipient.messages.take(plain('5'))
  recipient.messages.advance()
  t.same(recipient.heard, ['1', '2', 'malformed'])
})

t.test('a message that says it is compressed in a call that does not is malformed', async t => {
  const recipient = new Recipient('identity')
  recipient.messages.take(Buffer.concat([plain('1'), zipped('2'), plain('3')]))
  t.same(recipient.heard, ['1', 'malformed'])
})

t.test('what is compressed and cannot be read ends a stream, with words, after the acks of what came before', async t => {
  const cases = [
    ['gzip', Buffer.from('no gzip'), '3', /decompressed/, 'malformed'],
    ['gzip', gzipSync(Buffer.alloc(5_000_000)), '8', /when%20decompressed/, 'too-large'],
    ['br', Buffer.from('any'), '12', /by%20%22br%22%20here;%20use%20gzip%20or%20deflate/, '']
  ] as const
  for (const [encoding, bytes, status, message, reason] of cases) {
    const { session, ingress, level } = await startGrpc(t)
    ingress.outcomeOf = () => undefined
    const call = beginCall(session(), 'PublishStream', { 'grpc-encoding': encoding })
    const acks: (number | undefined)[] = []
    const answers = new Framing({
      announced () {},
      piece (chunk, start, end) { acks.push(PublishStreamResponse.decode(chunk.subarray(start, end)).acked) }
    })
    call.on('data', (chunk: Buffer) => { answers.take(chunk) })
    const ended = new Promise<IncomingHttpHeaders>(resolve => { call.once('trailers', resolve) })
    call.write(Buffer.concat([framed(streamed), framed(bytes, true), framed(streamed)]))
    await until(() => ingress.pending.length === 1)
    const [first] = ingress.pending
    if (reason !== '') await until(() => ingress.refusals.length === 1)
    first?.settle(receiptOf(first.envelope, 0))
    const told = await ended
    t.match(told, { 'grpc-status': status, 'grpc-message': message })
    t.match(Buffer.from(String(told['grpc-status-details-bin'] ?? ''), 'base64').toString('latin1'), reason)
    t.equal(acks.at(-1), 1)
    call.end()
    await until(() => level('calls_in_flight') === 0)
    t.equal(ingress.reservedBytes, 0)
    t.equal(ingress.envelopes.length, 1)
  }
})

/** The status of a call with these bytes and no more. */
function statusOf (
  session: ClientHttp2Session, method: 'Publish' | 'PublishBatch' | 'PublishStream', bytes?: Buffer
): Promise<unknown> {
  const call = beginCall(session, method)
  call.resume()
  if (bytes === undefined) call.end()
  else call.end(bytes)
  return new Promise(resolve => {
    call.once('trailers', headers => { resolve(headers['grpc-status']) })
    call.once('response', headers => { if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']) })
  })
}

t.test('a call that ends within its message is malformed, and nothing of it is taken', async t => {
  const { session, ingress, level } = await startGrpc(t)
  t.equal(await statusOf(session(), 'Publish', framed(single).subarray(0, -1)), '3')
  t.equal(await statusOf(session(), 'Publish', Buffer.from([0, 0, 0])), '3')
  t.equal(await statusOf(session(), 'Publish', Buffer.concat([framed(single), Buffer.from([0])])), '3')
  const cut = Buffer.concat([framed(streamed), framed(streamed).subarray(0, 9)])
  t.equal(await statusOf(session(), 'PublishStream', cut), '3')
  const details = ingress.refusals.map(({ refusal }) => refusal.detail)
  t.match(details, [/its message/, /its message/, /its message/, /a message/])
  t.equal(ingress.envelopes.length, 1, 'what was whole before it')
  await until(() => level('calls_in_flight') === 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a call that ends without a message has its answer, and not before it is known who sends', async t => {
  const { session, ingress, level } = await startGrpc(t)
  const statuses = (): Promise<unknown[]> => Promise.all([
    statusOf(session(), 'Publish'), statusOf(session(), 'PublishBatch'), statusOf(session(), 'PublishStream')
  ])
  t.same(await statuses(), ['3', '3', '0'])
  ingress.authenticated = async () => anonymous
  t.same(await statuses(), ['3', '3', '0'])
  ingress.authenticated = async () => refuse('unauthenticated', 'for a test')
  t.same(await statuses(), ['16', '16', '16'])
  await until(() => level('calls_in_flight') === 0)
})

t.test('nothing is read before it is known who sends, whatever happens meanwhile', async t => {
  const { sender, ingress, level } = await startGrpc(t)
  let found: (who: typeof anonymous) => void = () => {}
  ingress.authenticated = () => new Promise(resolve => { found = resolve })
  const stream = sender.stream()
  stream.send(1, { channel: 'orders/eu', data: Buffer.from('{}') })
  await until(() => level('streams_open') === 1)
  ingress.pressure.set(true)
  ingress.authenticated = () => anonymous
  for (let round = 0; round < 2; round++) t.equal((await sender.batch([])).told, 'written')
  t.same([ingress.envelopes.length, stream.answers.length], [0, 0])
  found({ ...anonymous, name: 'late' })
  await until(() => stream.acked === 1)
  t.equal(ingress.envelopes[0]?.principal.name, 'late')
})
