// Reads PUBLISH, the packet that every event comes in.

import { isUtf8 } from 'node:buffer'
import type { Cursor } from './cursor.ts'
import type { PublishPacket, Qos, Side } from './packet.ts'
import { noProperties, readProperties } from './properties.ts'
import type { ProtocolVersion } from './rules.ts'
import { violationOf } from './violation.ts'
import type { RuleName, Violation } from './violation.ts'

/** Which rule the flags of PUBLISH break; undefined where they are right. */
export function publishFlagsRule (flags: number): RuleName | undefined {
  if ((flags & 0x06) === 0x06) return 'publish-qos'
  return (flags & 0x0e) === 0x08 ? 'publish-dup' : undefined
}

/** Takes the flags of the fixed header, of which `publishFlagsRule` has seen nothing wrong. */
export function readPublish (cursor: Cursor, flags: number, from: Side): PublishPacket {
  const qos = ((flags >> 1) & 3) as Qos
  const topicName = cursor.publishTopic()
  const packetId = qos === 0 ? 0 : cursor.packetId()
  const properties = cursor.version === 5 ? readProperties(cursor, 'PUBLISH') : noProperties
  if (properties !== noProperties && from === 'client' && properties.subscriptionIdentifiers !== undefined) {
    cursor.violate('subscription-id-from-client')
  }
  if (topicName === '' && properties.topicAlias === undefined) cursor.violate('topic-empty')
  return {
    type: 'PUBLISH', dup: (flags & 8) !== 0, qos, retain: (flags & 1) !== 0, topicName, packetId, properties,
    payload: cursor.rest()
  }
}

/**
 * Section 3.3.2.3.2 of MQTT 5: a payload that is announced as UTF-8 and is not may be refused with its own
 * acknowledgement (0x99), so it does not end the connection by itself.
 */
export function payloadViolation (publish: PublishPacket, version: ProtocolVersion): Violation | undefined {
  if (publish.properties.payloadFormatIndicator !== 1 || isUtf8(publish.payload)) return undefined
  return violationOf('payload-format', version)
}
