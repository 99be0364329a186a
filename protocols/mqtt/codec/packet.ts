// The control packets as values, in the terms of the standard; one shape for both versions.

import type { Properties } from './properties.ts'
import type { ProtocolVersion } from './rules.ts'

export type Qos = 0 | 1 | 2

export interface Will {
  readonly qos: Qos
  readonly retain: boolean
  /** With the Will Delay Interval. */
  readonly properties: Properties
  readonly topicName: string
  readonly payload: Buffer
}

export interface ConnectPacket {
  readonly type: 'CONNECT'
  readonly version: ProtocolVersion
  /** Clean Session in 3.1.1. */
  readonly cleanStart: boolean
  /** In seconds; 0 is none. */
  readonly keepAlive: number
  readonly properties: Properties
  readonly clientId: string
  readonly will: Will | undefined
  readonly userName: string | undefined
  readonly password: Buffer | undefined
}

export interface ConnackPacket {
  readonly type: 'CONNACK'
  readonly sessionPresent: boolean
  /** The return code in 3.1.1. */
  readonly reasonCode: number
  readonly properties: Properties
}

export interface PublishPacket {
  readonly type: 'PUBLISH'
  readonly dup: boolean
  readonly qos: Qos
  readonly retain: boolean
  /** Empty where a Topic Alias stands for it. */
  readonly topicName: string
  /** 0 where QoS is 0: there is none. */
  readonly packetId: number
  readonly properties: Properties
  /** From a packet that came whole, a view of the chunk, which it keeps in memory. */
  readonly payload: Buffer
}

export type AcknowledgementType = 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP'

export interface AcknowledgementPacket {
  readonly type: AcknowledgementType
  readonly packetId: number
  /** 0 in 3.1.1. */
  readonly reasonCode: number
  readonly properties: Properties
}

export interface Subscription {
  readonly topicFilter: string
  readonly qos: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface SubscribePacket {
  readonly type: 'SUBSCRIBE'
  readonly packetId: number
  readonly properties: Properties
  readonly subscriptions: readonly Subscription[]
}

export interface UnsubscribePacket {
  readonly type: 'UNSUBSCRIBE'
  readonly packetId: number
  readonly properties: Properties
  readonly topicFilters: readonly string[]
}

export interface SubackPacket {
  readonly type: 'SUBACK' | 'UNSUBACK'
  readonly packetId: number
  readonly properties: Properties
  /** One for each topic filter, in their order; none in an UNSUBACK of 3.1.1. */
  readonly reasonCodes: readonly number[]
}

export interface DisconnectPacket {
  readonly type: 'DISCONNECT'
  readonly reasonCode: number
  readonly properties: Properties
}

export interface AuthPacket {
  readonly type: 'AUTH'
  readonly reasonCode: number
  readonly properties: Properties
}

export interface PingPacket { readonly type: 'PINGREQ' | 'PINGRESP' }

/** Who sends a packet. */
export type Side = 'client' | 'server'

export type Packet = ConnectPacket | ConnackPacket | PublishPacket | AcknowledgementPacket | SubscribePacket |
  SubackPacket | UnsubscribePacket | PingPacket | DisconnectPacket | AuthPacket

export type PacketType = Packet['type']

interface TypeShape { readonly code: number, readonly flags: number, readonly from: readonly Side[] }

const both: readonly Side[] = ['client', 'server']

/** Table 2-1 and 2-2: the code and the reserved flags of each type, and who sends it. PUBLISH has flags of its own. */
export const packetTypes = {
  CONNECT: { code: 1, flags: 0, from: ['client'] },
  CONNACK: { code: 2, flags: 0, from: ['server'] },
  PUBLISH: { code: 3, flags: 0, from: both },
  PUBACK: { code: 4, flags: 0, from: both },
  PUBREC: { code: 5, flags: 0, from: both },
  PUBREL: { code: 6, flags: 2, from: both },
  PUBCOMP: { code: 7, flags: 0, from: both },
  SUBSCRIBE: { code: 8, flags: 2, from: ['client'] },
  SUBACK: { code: 9, flags: 0, from: ['server'] },
  UNSUBSCRIBE: { code: 10, flags: 2, from: ['client'] },
  UNSUBACK: { code: 11, flags: 0, from: ['server'] },
  PINGREQ: { code: 12, flags: 0, from: ['client'] },
  PINGRESP: { code: 13, flags: 0, from: ['server'] },
  DISCONNECT: { code: 14, flags: 0, from: both },
  AUTH: { code: 15, flags: 0, from: both }
} as const satisfies Record<PacketType, TypeShape>
