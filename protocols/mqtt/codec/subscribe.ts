// Reads SUBSCRIBE and UNSUBSCRIBE of clients, and SUBACK and UNSUBACK of servers.

import type { Cursor } from './cursor.ts'
import type { Qos, SubackPacket, SubscribePacket, Subscription, UnsubscribePacket } from './packet.ts'
import { noProperties, readProperties } from './properties.ts'
import type { Properties, PropertyPlace } from './properties.ts'
import { reasonCodesOf, returnCodesOf } from './reason-codes.ts'
import { isShared, topicFilterRule } from './topic-filter.ts'

function propertiesOf (cursor: Cursor, place: PropertyPlace): Properties {
  return cursor.version === 5 ? readProperties(cursor, place) : noProperties
}

export function readSubscribe (cursor: Cursor): SubscribePacket {
  const packetId = cursor.packetId()
  const properties = propertiesOf(cursor, 'SUBSCRIBE')
  const subscriptions: Subscription[] = []
  if (cursor.at === cursor.end) cursor.violate('subscribe-empty')
  while (cursor.at < cursor.end) {
    if (subscriptions.length === cursor.limits.topicFiltersCountMax) cursor.violate('filters-too-many')
    const topicFilter = readTopicFilter(cursor)
    subscriptions.push(readOptions(cursor, topicFilter))
  }
  return { type: 'SUBSCRIBE', packetId, properties, subscriptions }
}

function readTopicFilter (cursor: Cursor): string {
  const topicFilter = cursor.text()
  if (cursor.violation !== undefined) return ''
  const rule = topicFilterRule(topicFilter, cursor.version)
  if (rule !== undefined) cursor.violate(rule)
  return topicFilter
}

/** Section 3.8.3.1 of MQTT 5. In 3.1.1 all bits but those of the QoS are reserved. */
function readOptions (cursor: Cursor, topicFilter: string): Subscription {
  const options = cursor.byte()
  const noLocal = (options & 0x04) !== 0
  const retainHandling = (options >> 4) & 3
  if ((options & (cursor.version === 5 ? 0xc0 : 0xfc)) !== 0) cursor.violate('subscribe-reserved')
  if ((options & 3) === 3) cursor.violate('subscribe-qos')
  if (retainHandling === 3) cursor.violate('retain-handling')
  if (noLocal && isShared(topicFilter, cursor.version)) cursor.violate('no-local-shared')
  return {
    topicFilter, qos: (options & 3) as Qos, noLocal, retainAsPublished: (options & 0x08) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2
  }
}

export function readUnsubscribe (cursor: Cursor): UnsubscribePacket {
  const packetId = cursor.packetId()
  const properties = propertiesOf(cursor, 'UNSUBSCRIBE')
  const topicFilters: string[] = []
  if (cursor.at === cursor.end) cursor.violate('unsubscribe-empty')
  while (cursor.at < cursor.end) {
    if (topicFilters.length === cursor.limits.topicFiltersCountMax) cursor.violate('filters-too-many')
    topicFilters.push(readTopicFilter(cursor))
  }
  return { type: 'UNSUBSCRIBE', packetId, properties, topicFilters }
}

/** An UNSUBACK of 3.1.1 has no payload; every other answer has at least one reason code. */
export function readSuback (cursor: Cursor, type: 'SUBACK' | 'UNSUBACK'): SubackPacket {
  const packetId = cursor.packetId()
  const properties = propertiesOf(cursor, type)
  const reasonCodes: number[] = []
  if (type === 'SUBACK' || cursor.version === 5) {
    if (cursor.at === cursor.end) cursor.violate('truncated')
    const allowed = cursor.version === 5 ? reasonCodesOf[type] : returnCodesOf.SUBACK
    while (cursor.at < cursor.end) {
      if (reasonCodes.length === cursor.limits.topicFiltersCountMax) cursor.violate('filters-too-many')
      const reasonCode = cursor.byte()
      if (!allowed.has(reasonCode)) cursor.violate(type === 'SUBACK' ? 'suback-reason-code' : 'unsuback-reason-code')
      reasonCodes.push(reasonCode)
    }
  }
  cursor.finish()
  return { type, packetId, properties, reasonCodes }
}
