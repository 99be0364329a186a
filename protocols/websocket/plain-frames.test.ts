// Frames that the door takes by itself: what they hold at every place and length, and what is left to the library.

import t from 'tap'
import { clientFrame, startWebsocket } from '../../test/support/websocket-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { framesOf, takePlainFrames } from './plain-frames.ts'

const textFrame = 0x81
const binaryFrame = 0x82
const ping = 0x89
const bytesMax = 70_000

/** A client's frame with a mask that changes every byte. */
const mask = Buffer.from([1, 0x52, 0xa3, 0xf4])
const frame = (first: number, payload: Buffer): Buffer => clientFrame(first, payload, mask)

/** Bytes that begin at any place of the memory they stand in. */
function placed (bytes: Buffer, place: number): Buffer {
  const room = Buffer.alloc(bytes.length + place + 3)
  bytes.copy(room, place)
  return room.subarray(place, place + bytes.length)
}

interface Taken { readonly at: number, readonly messages: readonly (readonly [text: string, isBinary: boolean])[] }

function take (bytes: Buffer, endsAfter = Infinity): Taken {
  const messages: [string, boolean][] = []
  const at = takePlainFrames(bytes, bytesMax, {
    get hasConcluded () { return messages.length >= endsAfter },
    message: (data, isBinary) => { messages.push([data.toString('latin1'), isBinary]) }
  })
  return { at, messages }
}

const payloadOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => at * 7 + length & 0x7f))

t.test('payloads of every length and at every place are unmasked', async t => {
  for (let length = 0; length < 140; length++) {
    const payload = payloadOf(length)
    const whole = Buffer.concat([frame(binaryFrame, payload), frame(textFrame, payload)])
    for (let place = 0; place < 8; place++) {
      const { at, messages } = take(placed(whole, place))
      const text = payload.toString('latin1')
      if (at === whole.length && messages.length === 2 && messages.every(([one]) => one === text)) continue
      t.fail(`${length} bytes at ${place}: ${at} of ${whole.length}, ${JSON.stringify(messages)}`)
    }
  }
  t.same(take(frame(textFrame, Buffer.from('a'))).messages, [['a', false]])
  t.same(take(frame(binaryFrame, payloadOf(65_535))).messages, [[payloadOf(65_535).toString('latin1'), true]])
})

const first = frame(textFrame, Buffer.from('first'))
const plain = frame(binaryFrame, Buffer.from('second'))
const leftOver: readonly (readonly [what: string, bytes: Buffer])[] = [
  ['a ping', frame(ping, Buffer.from('p'))],
  ['the beginning of a fragmented message', frame(0x01, Buffer.from('a'))],
  ['its rest', frame(0x80, Buffer.from('a'))],
  ['a compressed message', frame(0xc2, Buffer.from('a'))],
  ['a reserved bit', frame(0x92, Buffer.from('a'))],
  ['an opcode that nobody knows', frame(0x83, Buffer.from('a'))],
  ['no mask', Buffer.from([binaryFrame, 1, 0x61, 0, 0, 0, 0, 0])],
  ['a length of eight bytes', frame(binaryFrame, payloadOf(65_536))],
  ['no UTF-8', frame(textFrame, Buffer.from([0x61, 0xff]))],
  ['half of a frame', plain.subarray(0, 9)],
  ['half of a head', plain.subarray(0, 3)],
  ['half of a length', frame(binaryFrame, payloadOf(300)).subarray(0, 3)]
]

t.test('whatever is not plain is left for the library as it came, with all behind it', async t => {
  for (const [what, odd] of leftOver) {
    const bytes = Buffer.concat([first, odd, plain])
    const { at, messages } = take(bytes)
    const isCutOff = what.startsWith('half')
    if (isCutOff) t.equal(take(Buffer.concat([first, odd])).at, first.length, what)
    else t.equal(at, first.length, what)
    t.same(messages[0], ['first', false])
    if (!isCutOff) t.same(bytes.subarray(at), Buffer.concat([odd, plain]), 'untouched')
  }
  const long = frame(binaryFrame, payloadOf(5_000))
  t.equal(takePlainFrames(long, 4_999, { hasConcluded: false, message: () => { t.fail('too long') } }), 0)
})

t.test('nothing is taken after the end', async t => {
  const { at, messages } = take(Buffer.concat([first, plain, plain]), 2)
  t.equal(messages.length, 2)
  t.equal(at, first.length + plain.length)
})

/** An event record with an id of one byte and one channel name. */
const record = (id: number): Buffer =>
  Buffer.from(JSON.stringify({ type: 'event', id, channel: 'a', data: { id, pad: 'x'.repeat(id * 13 % 300) } }))

t.test('texts of every length are written as frames of a server', async t => {
  const texts = [0, 1, 125, 126, 65_535, 65_536, 70_000].map(length => '\u00fc'.repeat(length >> 1) + 'x'.repeat(length & 1))
  const heads = framesOf(texts)
  let at = 0
  for (const text of texts) {
    const size = Buffer.byteLength(text)
    const [head, length] = size < 126 ? [2, size] : size < 65_536 ? [4, 126] : [10, 127]
    t.equal(heads[at], textFrame)
    t.equal(heads[at + 1], length)
    if (head > 2) t.equal(heads.readUIntBE(at + head - 2 - (head === 10 ? 4 : 0), head === 10 ? 6 : 2), size)
    t.equal(heads.toString('utf8', at + head, at + head + size), text)
    at += head + size
  }
  t.equal(at, heads.length)
})

t.test('plain frames, fragments and pings come in their order, however they are cut', async t => {
  const rig = await startWebsocket(t)
  const socket = await rig.raw()
  const frames: Buffer[] = []
  const count = 400
  for (let id = 0; id < count; id++) {
    const text = record(id)
    const cut = text.length >> 1
    if (id % 7 !== 3) frames.push(frame(textFrame, text))
    else {
      // Few pings: more than twenty a second end the connection.
      const between = id % 49 === 3 ? [frame(ping, Buffer.from('p'))] : []
      frames.push(frame(0x01, text.subarray(0, cut)), ...between, frame(0x80, text.subarray(cut)))
    }
  }
  const all = Buffer.concat(frames)
  let at = 0
  for (let step = 1; at < all.length; step = step * 31 % 1_009) {
    socket.write(all.subarray(at, at + step))
    at += step
    await new Promise(resolve => setImmediate(resolve))
  }
  await until(() => rig.ingress.envelopes.length === count)
  t.same(rig.ingress.envelopes.map(({ data }) => data?.toString()), Array.from({ length: count }, (_, id) =>
    JSON.stringify({ id, pad: 'x'.repeat(id * 13 % 300) })))
})

t.test('after a close nothing is taken any more', async t => {
  const rig = await startWebsocket(t)
  const socket = await rig.raw()
  socket.write(Buffer.concat([frame(textFrame, record(0)), frame(0x88, Buffer.from([3, 0xe8]))]))
  await until(() => rig.ingress.envelopes.length === 1)
  socket.write(frame(textFrame, record(1)))
  await until(() => rig.gauge('connections_open') === 0)
  t.equal(rig.ingress.envelopes.length, 1)
})
