// Speaks MQTT 3.1.1: PUBLISH at QoS 1, acknowledged by PUBACK.

import { once } from 'node:events'
import { connect } from 'node:net'
import type { Speak } from './speaker.ts'

/** Two bytes of length ahead of a text. */
function text (value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

function packet (first: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [content.length % 128 | 0x80, content.length >> 7]
  return Buffer.concat([Buffer.from([first, ...length]), content])
}

const pubackBytes = 4
const pubackByte = 0x40
const packetIdMax = 65_535
let clientsCount = 0

export const speakMqtt: Speak = async ({ port, channel, apiKey, data }, hearing) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', error => { hearing.broken(error.message) }).on('close', () => { hearing.broken('closed') })
  // Clean session, user name and password; no keepalive.
  const head = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 0])])
  clientsCount += 1
  socket.write(packet(0x10, Buffer.concat([head, text(`bench-${process.pid}-${clientsCount}`), text('bench'), text(apiKey)])))
  const [answer] = await once(socket, 'data') as [Buffer]
  if (answer.length !== 4 || answer[3] !== 0) throw new Error(`the answer to CONNECT is ${answer.toString('hex')}`)
  let partBytes = 0
  socket.on('data', chunk => {
    const whole = partBytes + chunk.length
    if (partBytes === 0 && chunk[0] !== pubackByte) hearing.broken(`no PUBACK but ${chunk.toString('hex')}`)
    partBytes = whole % pubackBytes
    if (whole >= pubackBytes) hearing.acked(Math.floor(whole / pubackBytes))
  })
  const topic = text(channel)
  const event = packet(0x32, Buffer.concat([topic, Buffer.alloc(2), data]))
  const idAt = event.length - data.length - 2
  let lastId = 0
  return {
    send (count) {
      const packets = Buffer.alloc(event.length * count)
      for (let at = 0; at < packets.length; at += event.length) {
        event.copy(packets, at)
        lastId = lastId % packetIdMax + 1
        packets.writeUInt16BE(lastId, at + idAt)
      }
      socket.write(packets)
    },
    end: () => { socket.removeAllListeners('close').destroy() }
  }
}
