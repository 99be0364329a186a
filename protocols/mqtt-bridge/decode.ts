// PUBLISH to envelope, as the MQTT door does it: the topic of a broker may be another one than its channel.

import { parseChannel } from '../../src/contract/channel.ts'
import { noAttributes } from '../../src/contract/envelope.ts'
import type { Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { MessageAttributes } from '../mqtt/attributes.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import { decodeMessage } from '../mqtt/decode.ts'
import type { BridgeSettings } from './config.ts'

/** What all messages of one bridge have in common. */
export interface Shared {
  readonly settings: Pick<BridgeSettings, 'stripPrefix' | 'addPrefix' | 'contentType'>
  readonly principal: Principal
  readonly peer: Peer
}

/** The channel that a topic stands for. */
export function channelOf (topic: string, { stripPrefix, addPrefix }: Shared['settings']): string | Refusal {
  const rest = stripPrefix !== '' && topic.startsWith(stripPrefix) ? topic.slice(stripPrefix.length) : topic
  return parseChannel(addPrefix + rest)
}

/** A message without a payload is an event without data. */
export function decode (packet: PublishPacket, shared: Shared, receivedAtMs: number): Envelope | Refusal {
  const { settings: { contentType }, principal, peer } = shared
  const channel = channelOf(packet.topicName, shared.settings)
  if (isRefusal(channel)) return channel
  // Brokers of version 3.1.1 tell no content type; the settings may stand for it.
  const isTyped = contentType === undefined || packet.properties.contentType !== undefined
  const message = isTyped ? packet : { ...packet, properties: { ...packet.properties, contentType } }
  const found = decodeMessage(message, {
    version: 5, clientId: '', principal, peer, plain: noAttributes, structured311: false, contentType: undefined
  }, channel, receivedAtMs)
  if (isRefusal(found)) return found
  // The broker keeps the message until it is told: there is no hurry.
  return { ...found, attributes: new MessageAttributes(packet), patient: true }
}
