// Plays one message through a door of its own, over a pair of streams in place of a socket; gives its answer as text.

import { duplexPair } from 'node:stream'
import type { Duplex } from 'node:stream'
import type { Adapter, Sample } from '../../src/contract/adapter.ts'
import { encodeConnect, encodePublish, pingreqBytes } from './codec/encode.ts'
import type { Packet } from './codec/packet.ts'
import { PacketReader } from './codec/packet-reader.ts'
import { noProperties } from './codec/properties.ts'
import type { UserProperty } from './codec/properties.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import type { Violation } from './codec/violation.ts'

const answerMs = 10_000
const pingMs = 20
const withheld = 'PUBACK is withheld: the gateway goes on trying'
const packetBytesMax = 1_048_576
const keepAliveSeconds = 60

/** Credentials as attributes, in the form in which this door shows them to authenticators. */
interface Login { readonly userName: string | undefined, readonly password: Buffer | undefined }

interface Played extends Login {
  readonly contentType: string | undefined
  readonly userProperties: readonly UserProperty[]
}

/** The answers to a CONNECT, and to a PUBLISH of QoS 1, in MQTT 5. */
export async function rehearse (adapter: Adapter, sample: Sample): Promise<string> {
  const { userName, password, contentType, userProperties } = playedOf(sample)
  let take = (_socket: unknown): void => {}
  adapter.attach({ protocol: 'mqtt', server: undefined, onSocket: given => { take = given }, peerOf: () => sample.peer })
  const [client, stream] = duplexPair()
  const timer = setTimeout(() => { client.destroy(new Error(`no answer within ${answerMs} ms`)) }, answerMs)
  take(stream)
  client.write(encodeConnect({
    type: 'CONNECT', version: 5, cleanStart: true, keepAlive: keepAliveSeconds, properties: noProperties,
    clientId: 'explain', will: undefined, userName, password
  }))
  client.write(encodePublish({
    type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: sample.channel, packetId: 1,
    properties: { contentType, userProperties: userProperties.length === 0 ? undefined : userProperties },
    payload: sample.data ?? Buffer.alloc(0)
  }, 5))
  try {
    return await answerOf(client, () => adapter.gauges.get('messages_in_flight')?.() === 0)
  } finally {
    clearTimeout(timer)
    client.destroy()
    stream.destroy()
  }
}

/** `isSettled`: nothing is under way, so what has no acknowledgement by then gets none for now. */
async function answerOf (client: Duplex, isSettled: () => boolean): Promise<string> {
  const reader = new PacketReader({
    from: 'server', version: 5, packetBytesMax,
    limits: { userPropertiesCountMax: 100, topicFiltersCountMax: 1, disallowedCharacters: 'accept' }
  })
  const lines: string[] = []
  for await (const chunk of client as AsyncIterable<Buffer>) {
    reader.push(chunk)
    let wasPinged = false
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
      if (packet.type === 'PINGRESP') wasPinged = true
      else lines.push(textOf(packet))
      if (packet.type !== 'PINGRESP' && !isWelcome(packet)) return lines.join('\n')
    }
    if (wasPinged && isSettled()) return [...lines, withheld].join('\n')
    // Pings are answered whatever becomes of messages.
    setTimeout(() => { client.write(pingreqBytes) }, pingMs).unref()
  }
  return lines.join('\n')
}

function isWelcome (packet: Packet | Violation): boolean {
  return packet.type === 'CONNACK' && packet.reasonCode === reasonCodes.success
}

function textOf (packet: Packet | Violation): string {
  if (!('reasonCode' in packet) || packet.type === 'violation') return packet.type
  const { reasonString, userProperties = [] } = packet.properties
  const code = `${packet.type} 0x${packet.reasonCode.toString(16).padStart(2, '0')}`
  return [code, ...reasonString === undefined ? [] : [reasonString], ...userProperties.map(([name, value]) => `${name}: ${value}`)]
    .join('\n')
}

/** A header of the sample becomes what MQTT has for it: the login, the Content Type, else a user property. */
function playedOf ({ attributes }: Sample): Played {
  let login: Login = { userName: undefined, password: undefined }
  let contentType: string | undefined
  const userProperties: UserProperty[] = []
  for (const [name, value] of attributes) {
    const lower = name.toLowerCase()
    if (lower === 'authorization') login = loginOf(value)
    else if (lower === 'x-api-key') login = { userName: '', password: Buffer.from(value) }
    else if (lower === 'content-type') contentType = value
    else if (lower.startsWith('ce-')) userProperties.push([lower.slice('ce-'.length), value])
    else userProperties.push([name, value])
  }
  return { ...login, contentType, userProperties }
}

function loginOf (authorization: string): Login {
  const [scheme = '', rest = ''] = authorization.split(' ', 2)
  if (scheme.toLowerCase() !== 'basic') return { userName: '', password: Buffer.from(rest) }
  const pair = Buffer.from(rest, 'base64').toString()
  const colon = pair.indexOf(':')
  return { userName: pair.slice(0, colon), password: Buffer.from(pair.slice(colon + 1)) }
}
