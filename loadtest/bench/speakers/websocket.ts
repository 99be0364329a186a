// Speaks sluice.v1 over WebSocket: one binary frame per event, acks in text frames.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Hearing, Speak } from './speaker.ts'

/** RFC 6455 5.2: a final frame of text or bytes, masked by zeros, which change nothing. */
function frame (opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = length < 126
    ? Buffer.from([0x80 | opcode, 0x80 | length])
    : Buffer.from([0x80 | opcode, 0x80 | 126, length >> 8, length & 0xff])
  return Buffer.concat([head, Buffer.alloc(4), payload])
}

/** An id in as many bytes as the largest one here needs, so that all frames have one length (LEB128, padded). */
const idBytes = 5
const idAt = 1

function writeId (target: Buffer, at: number, id: number): void {
  let rest = id
  for (let byte = 0; byte < idBytes; byte++) {
    target[at + byte] = (rest % 128) | (byte < idBytes - 1 ? 0x80 : 0)
    rest = Math.floor(rest / 128)
  }
}

/** Calls `text` with each message. The server's frames are not masked. */
function createFrameReader (text: (message: string) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return chunk => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    while (held.length >= 2) {
      const short = (held[1] ?? 0) & 0x7f
      const headBytes = short === 126 ? 4 : 2
      if (held.length < headBytes) return
      const length = short === 126 ? held.readUInt16BE(2) : short
      if (held.length < headBytes + length) return
      if (((held[0] ?? 0) & 0x0f) !== 9) text(held.toString('utf8', headBytes, headBytes + length))
      held = held.subarray(headBytes + length)
    }
  }
}

function createHearer (hearing: Hearing): (message: string) => void {
  let acked = 0
  return message => {
    const { type, id } = JSON.parse(message) as { type: string, id: number }
    if (type === 'ack') {
      hearing.acked(id - acked)
      acked = id
    } else if (type !== 'hello' && type !== 'window') hearing.broken(message)
  }
}

export const speakWebSocket: Speak = async ({ port, channel, apiKey, data }, hearing) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', error => { hearing.broken(error.message) }).on('close', () => { hearing.broken('closed') })
  socket.write([
    'GET /v1/stream HTTP/1.1', 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Protocol: sluice.v1', `X-Api-Key: ${apiKey}`, '', ''
  ].join('\r\n'))
  const [answer] = await once(socket, 'data') as [Buffer]
  const headEnd = answer.indexOf('\r\n\r\n')
  if (!answer.toString('latin1', 0, 12).endsWith('101')) throw new Error(answer.toString())
  const read = createFrameReader(createHearer(hearing))
  read(answer.subarray(headEnd + 4))
  socket.on('data', read)
  socket.write(frame(1, Buffer.from(JSON.stringify({ type: 'channel', number: 0, channel }))))
  const event = frame(2, Buffer.concat([Buffer.alloc(idAt + idBytes + 1), data]))
  const payloadAt = event.length - data.length - 1 - idBytes
  let lastId = 0
  return {
    send (count) {
      const frames = Buffer.alloc(event.length * count)
      for (let at = 0; at < frames.length; at += event.length) {
        event.copy(frames, at)
        writeId(frames, at + payloadAt, ++lastId)
      }
      socket.write(frames)
    },
    end: () => { socket.removeAllListeners('close').destroy() }
  }
}
