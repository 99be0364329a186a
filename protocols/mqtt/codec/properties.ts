// The properties of MQTT 5: one table of identifiers, forms and the packets that may have them, and how they are read.

import type { Cursor } from './cursor.ts'
import type { RuleName } from './violation.ts'

export type UserProperty = readonly [name: string, value: string]

/** Section 2.2.2.2. A property that is not there is undefined. */
export interface Properties {
  readonly payloadFormatIndicator?: number | undefined
  readonly messageExpiryInterval?: number | undefined
  readonly contentType?: string | undefined
  readonly responseTopic?: string | undefined
  readonly correlationData?: Buffer | undefined
  /** More than one only in a PUBLISH of a server. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined
  readonly sessionExpiryInterval?: number | undefined
  readonly assignedClientIdentifier?: string | undefined
  readonly serverKeepAlive?: number | undefined
  readonly authenticationMethod?: string | undefined
  readonly authenticationData?: Buffer | undefined
  readonly requestProblemInformation?: number | undefined
  readonly willDelayInterval?: number | undefined
  readonly requestResponseInformation?: number | undefined
  readonly responseInformation?: string | undefined
  readonly serverReference?: string | undefined
  readonly reasonString?: string | undefined
  readonly receiveMaximum?: number | undefined
  readonly topicAliasMaximum?: number | undefined
  readonly topicAlias?: number | undefined
  readonly maximumQos?: number | undefined
  readonly retainAvailable?: number | undefined
  /** In the order of the packet. */
  readonly userProperties?: readonly UserProperty[] | undefined
  readonly maximumPacketSize?: number | undefined
  readonly wildcardSubscriptionAvailable?: number | undefined
  readonly subscriptionIdentifierAvailable?: number | undefined
  readonly sharedSubscriptionAvailable?: number | undefined
}

export type PropertyName = keyof Properties

/** Where properties stand: in a packet, or in the will of CONNECT. */
export type PropertyPlace = 'CONNECT' | 'will' | 'CONNACK' | 'PUBLISH' | 'PUBACK' | 'PUBREC' | 'PUBREL' | 'PUBCOMP' |
  'SUBSCRIBE' | 'SUBACK' | 'UNSUBSCRIBE' | 'UNSUBACK' | 'DISCONNECT' | 'AUTH'

/** A flag is a byte of 0 or 1. */
export type PropertyForm = 'flag' | 'two-byte' | 'four-byte' | 'variable' | 'text' | 'topic' | 'binary' | 'pair'

interface PropertyShape {
  readonly id: number
  readonly form: PropertyForm
  readonly places: readonly PropertyPlace[]
  /** The rule that a value of 0 breaks. */
  readonly zero?: RuleName
}

const message = ['PUBLISH', 'will'] as const
const acknowledgements = ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK'] as const
const handshake = ['CONNECT', 'CONNACK'] as const

/** Table 2-4, in the order of the identifiers. */
export const propertyShapes: Readonly<Record<PropertyName, PropertyShape>> = {
  payloadFormatIndicator: { id: 0x01, form: 'flag', places: message },
  messageExpiryInterval: { id: 0x02, form: 'four-byte', places: message },
  contentType: { id: 0x03, form: 'text', places: message },
  responseTopic: { id: 0x08, form: 'topic', places: message },
  correlationData: { id: 0x09, form: 'binary', places: message },
  subscriptionIdentifiers: { id: 0x0b, form: 'variable', places: ['PUBLISH', 'SUBSCRIBE'], zero: 'property-value' },
  sessionExpiryInterval: { id: 0x11, form: 'four-byte', places: [...handshake, 'DISCONNECT'] },
  assignedClientIdentifier: { id: 0x12, form: 'text', places: ['CONNACK'] },
  serverKeepAlive: { id: 0x13, form: 'two-byte', places: ['CONNACK'] },
  authenticationMethod: { id: 0x15, form: 'text', places: [...handshake, 'AUTH'] },
  authenticationData: { id: 0x16, form: 'binary', places: [...handshake, 'AUTH'] },
  requestProblemInformation: { id: 0x17, form: 'flag', places: ['CONNECT'] },
  willDelayInterval: { id: 0x18, form: 'four-byte', places: ['will'] },
  requestResponseInformation: { id: 0x19, form: 'flag', places: ['CONNECT'] },
  responseInformation: { id: 0x1a, form: 'text', places: ['CONNACK'] },
  serverReference: { id: 0x1c, form: 'text', places: ['CONNACK', 'DISCONNECT'] },
  reasonString: { id: 0x1f, form: 'text', places: ['CONNACK', ...acknowledgements, 'DISCONNECT', 'AUTH'] },
  receiveMaximum: { id: 0x21, form: 'two-byte', places: handshake, zero: 'property-value' },
  topicAliasMaximum: { id: 0x22, form: 'two-byte', places: handshake },
  topicAlias: { id: 0x23, form: 'two-byte', places: ['PUBLISH'], zero: 'alias-zero' },
  maximumQos: { id: 0x24, form: 'flag', places: ['CONNACK'] },
  retainAvailable: { id: 0x25, form: 'flag', places: ['CONNACK'] },
  userProperties: {
    id: 0x26, form: 'pair',
    places: [...handshake, ...message, ...acknowledgements, 'SUBSCRIBE', 'UNSUBSCRIBE', 'DISCONNECT', 'AUTH']
  },
  maximumPacketSize: { id: 0x27, form: 'four-byte', places: handshake, zero: 'property-value' },
  wildcardSubscriptionAvailable: { id: 0x28, form: 'flag', places: ['CONNACK'] },
  subscriptionIdentifierAvailable: { id: 0x29, form: 'flag', places: ['CONNACK'] },
  sharedSubscriptionAvailable: { id: 0x2a, form: 'flag', places: ['CONNACK'] }
}

interface Known extends PropertyShape { readonly name: PropertyName, readonly allowed: ReadonlySet<PropertyPlace> }

const known: readonly (Known | undefined)[] = ((): (Known | undefined)[] => {
  const table: (Known | undefined)[] = Array.from({ length: 0x2b })
  for (const name of Object.keys(propertyShapes) as PropertyName[]) {
    const shape = propertyShapes[name]
    table[shape.id] = { ...shape, name, allowed: new Set(shape.places) }
  }
  return table
})()

/** Where there are none, everyone shares this. */
export const noProperties: Properties = Object.freeze({})

type Found = { -readonly [name in PropertyName]?: Properties[name] }

/** Section 2.2.2: the Property Length and what it counts. Broken rules are told to the cursor. */
export function readProperties (cursor: Cursor, place: PropertyPlace): Properties {
  const bytesCount = cursor.variableByteInteger()
  if (bytesCount === 0) return noProperties
  const packetEnd = cursor.end
  const end = cursor.at + bytesCount
  if (end > packetEnd) {
    cursor.violate('property-length')
    return noProperties
  }
  // A value that goes past the Property Length must not find bytes there.
  cursor.end = end
  cursor.expectTexts(end)
  const found: Found = {}
  while (cursor.at < end) readProperty(cursor, place, found)
  cursor.end = packetEnd
  return found
}

function readProperty (cursor: Cursor, place: PropertyPlace, found: Found): void {
  const shape = known[cursor.variableByteInteger()]
  if (shape === undefined) return cursor.violate('property-unknown')
  if (!shape.allowed.has(place)) return cursor.violate('property-misplaced')
  if (shape.form === 'pair') return readUserProperty(cursor, found)
  if (shape.id === 0x0b) return readSubscriptionIdentifier(cursor, place, found)
  if (found[shape.name] !== undefined) return cursor.violate('property-repeated')
  const value = readValue(cursor, shape.form)
  if (value === 0 && shape.zero !== undefined) return cursor.violate(shape.zero)
  // The table pairs each name with the form of its value.
  ;(found as Record<PropertyName, unknown>)[shape.name] = value
}

function readValue (cursor: Cursor, form: Exclude<PropertyForm, 'pair'>): string | number | Buffer {
  if (form === 'text') return cursor.text()
  if (form === 'four-byte') return cursor.fourByteInteger()
  if (form === 'two-byte') return cursor.twoByteInteger()
  if (form === 'binary') return cursor.binaryData()
  if (form === 'variable') return cursor.variableByteInteger()
  if (form === 'topic') {
    const topic = cursor.topicName('response-topic')
    if (topic === '') cursor.violate('topic-empty')
    return topic
  }
  const flag = cursor.byte()
  if (flag > 1) cursor.violate('property-value')
  return flag
}

function readUserProperty (cursor: Cursor, found: Found): void {
  const pair: UserProperty = [cursor.text(), cursor.text()]
  const list = found.userProperties
  if (list === undefined) {
    found.userProperties = [pair]
  } else if (list.length < cursor.limits.userPropertiesCountMax) {
    (list as UserProperty[]).push(pair)
  } else {
    cursor.violate('property-too-many')
  }
}

/** Only a server may say which subscriptions a message answers, and it may name several. */
function readSubscriptionIdentifier (cursor: Cursor, place: PropertyPlace, found: Found): void {
  const id = cursor.variableByteInteger()
  if (id === 0) return cursor.violate('property-value')
  const list = found.subscriptionIdentifiers
  if (list === undefined) found.subscriptionIdentifiers = [id]
  else if (place === 'SUBSCRIBE') cursor.violate('property-repeated')
  else if (list.length < cursor.limits.topicFiltersCountMax) (list as number[]).push(id)
  else cursor.violate('filters-too-many')
}
