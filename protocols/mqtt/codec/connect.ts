// Reads CONNECT of both versions, with its will.

import { isUtf8 } from 'node:buffer'
import type { Cursor } from './cursor.ts'
import type { ConnectPacket, Qos, Will } from './packet.ts'
import { noProperties, readProperties } from './properties.ts'
import type { Properties } from './properties.ts'

const flag = { reserved: 0x01, cleanStart: 0x02, will: 0x04, willRetain: 0x20, password: 0x40, userName: 0x80 }

/** MQTT 3.1, whose clients deserve an answer that they can read. */
const oldProtocolName = 'MQIsdp'

/**
 * The cursor learns the version. Of a version that is not served it is told the form of CONNACK that such a client
 * reads; whether it is known at all, `named` says.
 */
export function readProtocol (cursor: Cursor): { readonly named: boolean } {
  const name = cursor.text()
  const named = name === 'MQTT' || name === oldProtocolName
  if (!named && cursor.violation === undefined) cursor.violate('protocol-name')
  if (cursor.violation !== undefined) return { named: false }
  const level = cursor.byte()
  // A bridge of mosquitto sets the highest bit first, and leaves it out once it is refused.
  cursor.version = (level & 0x7f) < 5 ? 4 : 5
  if (name === oldProtocolName) cursor.violate('protocol-name')
  else if (level !== 4 && level !== 5 && cursor.violation === undefined) cursor.violate('protocol-version')
  return { named: true }
}

/** What stands after the protocol's name and version, sections 3.1.2.3 (3.1.2.4 in 5) and on. */
export function readConnect (cursor: Cursor): ConnectPacket {
  const { version } = cursor
  const flags = cursor.byte()
  checkFlags(cursor, flags)
  const keepAlive = cursor.twoByteInteger()
  const properties = version === 5 ? readProperties(cursor, 'CONNECT') : noProperties
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    cursor.violate('authentication-data')
  }
  const cleanStart = (flags & flag.cleanStart) !== 0
  const clientId = cursor.text()
  if (version === 4 && clientId === '' && !cleanStart) cursor.violate('client-id-missing')
  const will = (flags & flag.will) === 0 ? undefined : readWill(cursor, flags)
  const userName = (flags & flag.userName) === 0 ? undefined : cursor.text()
  const password = (flags & flag.password) === 0 ? undefined : cursor.binaryData()
  cursor.finish()
  return { type: 'CONNECT', version, cleanStart, keepAlive, properties, clientId, will, userName, password }
}

function checkFlags (cursor: Cursor, flags: number): void {
  const willQos = (flags >> 3) & 3
  if ((flags & flag.reserved) !== 0) cursor.violate('connect-reserved')
  if ((flags & flag.will) === 0) {
    if (willQos !== 0) cursor.violate('will-qos-without-will')
    if ((flags & flag.willRetain) !== 0) cursor.violate('will-retain-without-will')
  } else if (willQos === 3) {
    cursor.violate('will-qos')
  }
  if (cursor.version === 4 && (flags & (flag.userName | flag.password)) === flag.password) {
    cursor.violate('password-without-user-name')
  }
}

function readWill (cursor: Cursor, flags: number): Will {
  const properties: Properties = cursor.version === 5 ? readProperties(cursor, 'will') : noProperties
  const topicName = cursor.topicName('will-topic')
  if (topicName === '') cursor.violate('topic-empty')
  const payload = cursor.binaryData()
  if (properties.payloadFormatIndicator === 1 && !isUtf8(payload)) cursor.violate('will-payload-format')
  return { qos: ((flags >> 3) & 3) as Qos, retain: (flags & flag.willRetain) !== 0, properties, topicName, payload }
}
