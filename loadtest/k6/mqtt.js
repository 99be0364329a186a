// k6: events over the MQTT door through WebSocket, QoS 1 in MQTT 5, many in flight. Run: npm run k6:mqtt (see ../README.md)

import exec from 'k6/execution'
import { WebSocket } from 'k6/websockets'
import {
  answerOf, bytesOf, connackOf, connectPacket, contentType, createPacketReader, firstBytes, packetIdMax, publishTemplate,
  refusedFrom, twoBytes, userProperty
} from '../mqtt/frames.ts'
import { streamChannel } from '../scenarios.ts'
import { createStream, options, out } from './stream.js'

export { options }

const version = 5
const url = __ENV.URL || 'ws://127.0.0.1:8083/'
const apiKey = __ENV.API_KEY

/** Ids of events count from 1. @param {number} id */
function packetIdOf (id) {
  return (id - 1) % packetIdMax + 1
}

/** A PUBLISH that carries a CloudEvent in binary mode. @param {number} id @param {string} key @param {string} data */
function publishPacket (id, key, data) {
  const context = [['specversion', '1.0'], ['id', key], ['source', '/load'], ['type', 'load']]
  const properties = context.flatMap(([name = '', value = '']) => userProperty(name, value))
  const { bytes, idAt } = publishTemplate({
    version, qos: 1, channel: streamChannel, properties: [...contentType('application/json'), ...properties], data: bytesOf(data)
  })
  return [...bytes.slice(0, idAt), ...twoBytes(packetIdOf(id)), ...bytes.slice(idAt + 2)]
}

export default function () {
  const name = `mqtt-${exec.vu.idInTest}`
  const socket = new WebSocket(url, null, { headers: { 'sec-websocket-protocol': 'mqtt' } })
  socket.binaryType = 'arraybuffer'
  /** @param {number[]} bytes */
  const say = bytes => { socket.send(new Uint8Array(bytes).buffer) }
  const stream = createStream(name, {
    send (id, key, data) { say(publishPacket(id, key, data)) },
    close () { socket.close() }
  })
  let acked = 0
  const read = createPacketReader((first, content) => {
    if (first === firstBytes.connack) {
      const { reasonCode, receiveMaximum } = connackOf(content, version)
      if (reasonCode === 0) stream.opened(receiveMaximum)
      else out().warn(`CONNACK ${reasonCode}`)
      return
    }
    const { packetId, reasonCode } = answerOf(content)
    // MQTT 4.6: acknowledgements come in the order of the messages. One that does not is not taken, and the stream never ends well.
    if (first !== firstBytes.puback || packetId !== packetIdOf(acked + 1)) {
      out().warn(`${packetIdOf(acked + 1)} was to be acknowledged, but there came ${first} ${packetId} ${reasonCode}`)
      return
    }
    acked += 1
    if (reasonCode >= refusedFrom) stream.nacked(acked, false)
    stream.acked(acked)
  })
  socket.onopen = () => { say(connectPacket({ version, clientId: name, apiKey, keepsSession: false })) }
  socket.onmessage = event => { read(new Uint8Array(/** @type {ArrayBuffer} */ (event?.data))) }
  socket.onclose = () => { stream.ended() }
  socket.onerror = event => { out().warn(event?.error) }
}
