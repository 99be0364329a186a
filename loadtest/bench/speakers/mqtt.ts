// Speaks MQTT 3.1.1: PUBLISH at QoS 1, acknowledged by PUBACK.

import { once } from 'node:events'
import { connect } from 'node:net'
import { connectPacket, firstBytes, packetIdMax, publishTemplate } from '../../mqtt/frames.ts'
import type { Speak } from './speaker.ts'

const pubackBytes = 4
let clientsCount = 0

export const speakMqtt: Speak = async ({ port, channel, apiKey, data }, hearing) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', error => { hearing.broken(error.message) }).on('close', () => { hearing.broken('closed') })
  clientsCount += 1
  const clientId = `bench-${process.pid}-${clientsCount}`
  socket.write(Buffer.from(connectPacket({ version: 4, clientId, apiKey, keepsSession: false })))
  const [answer] = await once(socket, 'data') as [Buffer]
  if (answer.length !== 4 || answer[3] !== 0) throw new Error(`the answer to CONNECT is ${answer.toString('hex')}`)
  let partBytes = 0
  // Acknowledgements are counted and not looked at: they all are of one length, and in order.
  socket.on('data', chunk => {
    const whole = partBytes + chunk.length
    if (partBytes === 0 && chunk[0] !== firstBytes.puback) hearing.broken(`no PUBACK but ${chunk.toString('hex')}`)
    partBytes = whole % pubackBytes
    if (whole >= pubackBytes) hearing.acked(Math.floor(whole / pubackBytes))
  })
  const { bytes, idAt } = publishTemplate({ version: 4, qos: 1, channel, data: [...data] })
  const event = Buffer.from(bytes)
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
