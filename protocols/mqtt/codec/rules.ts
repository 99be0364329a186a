// What may be wrong with a packet: a closed table of rules, with reason code, clause in both versions and advice.

/** The Protocol Level of 3.1.1, or the Protocol Version of 5: the byte that CONNECT carries. */
export type ProtocolVersion = 4 | 5

export interface Rule {
  /** A reason code of MQTT 5; a door that speaks 3.1.1 closes, or picks the return code that says the same. */
  readonly reasonCode: number
  /** A numbered statement, or the section where the standard numbers none. */
  readonly clause: { readonly 4: string, readonly 5: string }
  readonly detail: string
}

const malformed = 0x81
const protocolError = 0x82
const unsupportedVersion = 0x84
const clientIdNotValid = 0x85
const topicFilterInvalid = 0x8f
const topicNameInvalid = 0x90
const topicAliasInvalid = 0x94
const packetTooLarge = 0x95
const quotaExceeded = 0x97
const payloadFormatInvalid = 0x99

/** A rule about what only MQTT 5 has. The statement of 3.1.1 is the one about violations in general. */
function since5 (reasonCode: number, clause: string, detail: string): Rule {
  return { reasonCode, clause: { 4: 'MQTT-4.8.0-1', 5: clause }, detail }
}

/** Table 2.2 and sections 2 of 3.1.1; 2.1 and 1.5 of 5. */
const framing = {
  'packet-type': {
    reasonCode: malformed, clause: { 4: 'section 2.2.1', 5: 'section 2.1.2' }, detail: 'the packet type is one that is forbidden'
  },
  'packet-direction': {
    reasonCode: protocolError, clause: { 4: 'section 2.2.1', 5: 'section 2.1.2' },
    detail: 'this packet type is sent only by the other side'
  },
  'header-flags': {
    reasonCode: malformed, clause: { 4: 'MQTT-2.2.2-2', 5: 'MQTT-2.1.3-1' },
    detail: 'the flags of the fixed header are not the ones reserved for this packet type'
  },
  'flags-pubrel': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.6.1-1', 5: 'MQTT-3.6.1-1' }, detail: 'the flags of PUBREL must be 0010'
  },
  'flags-subscribe': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.8.1-1', 5: 'MQTT-3.8.1-1' }, detail: 'the flags of SUBSCRIBE must be 0010'
  },
  'flags-unsubscribe': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.10.1-1', 5: 'MQTT-3.10.1-1' }, detail: 'the flags of UNSUBSCRIBE must be 0010'
  },
  'flags-disconnect': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.14.1-1', 5: 'MQTT-3.14.1-1' }, detail: 'the flags of DISCONNECT must be 0000'
  },
  'flags-auth': since5(malformed, 'MQTT-3.15.1-1', 'the flags of AUTH must be 0000'),
  'remaining-length': {
    reasonCode: malformed, clause: { 4: 'section 2.2.3', 5: 'section 1.5.5' },
    detail: 'the Remaining Length has more than four bytes'
  },
  'not-minimal': since5(malformed, 'MQTT-1.5.5-1', 'a Variable Byte Integer must have as few bytes as can be'),
  'variable-byte-integer': since5(malformed, 'section 1.5.5', 'a Variable Byte Integer has more than four bytes'),
  'packet-too-large': {
    reasonCode: packetTooLarge, clause: { 4: 'section 2.2.3', 5: 'MQTT-3.2.2-15' },
    detail: 'the packet is above the maximum packet size; send less at once'
  },
  'truncated': {
    reasonCode: malformed, clause: { 4: 'MQTT-4.8.0-1', 5: 'MQTT-4.13.1-1' }, detail: 'the packet ends before its last field'
  },
  'trailing-bytes': {
    reasonCode: malformed, clause: { 4: 'MQTT-4.8.0-1', 5: 'MQTT-4.13.1-1' }, detail: 'the packet has bytes after its last field'
  },
  'text-not-utf8': {
    reasonCode: malformed, clause: { 4: 'MQTT-1.5.3-1', 5: 'MQTT-1.5.4-1' }, detail: 'a text is not well-formed UTF-8'
  },
  'text-null': {
    reasonCode: malformed, clause: { 4: 'MQTT-1.5.3-2', 5: 'MQTT-1.5.4-2' }, detail: 'a text holds U+0000; leave it out'
  },
  'text-disallowed': {
    reasonCode: malformed, clause: { 4: 'section 1.5.3', 5: 'section 1.5.4' },
    detail: 'a text holds a control character or a code point that is no character; leave it out'
  },
  'packet-id-zero': {
    reasonCode: protocolError, clause: { 4: 'MQTT-2.3.1-1', 5: 'MQTT-2.2.1-3' }, detail: 'the packet identifier is 0'
  },
  'first-packet': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.1.0-1', 5: 'MQTT-3.1.0-1' },
    detail: 'the first packet of a connection must be CONNECT'
  },
  'second-connect': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.1.0-2', 5: 'MQTT-3.1.0-2' },
    detail: 'a connection has one CONNECT; open another connection'
  },
  'first-answer': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.2.0-1', 5: 'MQTT-3.2.0-1' },
    detail: 'the first packet of a server must be CONNACK'
  },
  'second-connack': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.2.0-1', 5: 'MQTT-3.2.0-2' }, detail: 'a connection has one CONNACK'
  }
} as const satisfies Record<string, Rule>

const connecting = {
  'protocol-name': {
    reasonCode: unsupportedVersion, clause: { 4: 'MQTT-3.1.2-1', 5: 'MQTT-3.1.2-1' }, detail: 'the protocol name must be MQTT'
  },
  'protocol-version': {
    reasonCode: unsupportedVersion, clause: { 4: 'MQTT-3.1.2-2', 5: 'MQTT-3.1.2-2' },
    detail: 'this version of MQTT is not served; use 3.1.1 or 5'
  },
  'connect-reserved': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.1.2-3', 5: 'MQTT-3.1.2-3' }, detail: 'the reserved Connect Flag must be 0'
  },
  'will-qos-without-will': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.1.2-13', 5: 'MQTT-3.1.2-11' }, detail: 'Will QoS must be 0 where there is no will'
  },
  'will-qos': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.1.2-14', 5: 'MQTT-3.1.2-12' }, detail: 'Will QoS must be 0, 1 or 2'
  },
  'will-retain-without-will': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.1.2-15', 5: 'MQTT-3.1.2-13' },
    detail: 'Will Retain must be 0 where there is no will'
  },
  'password-without-user-name': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.1.2-22', 5: 'section 3.1.2.9' }, detail: 'a password needs a user name'
  },
  'client-id-missing': {
    reasonCode: clientIdNotValid, clause: { 4: 'MQTT-3.1.3-8', 5: 'MQTT-3.1.3-6' },
    detail: 'an empty client identifier needs a clean session'
  },
  'will-topic': {
    reasonCode: topicNameInvalid, clause: { 4: 'MQTT-4.7.1-1', 5: 'MQTT-4.7.0-1' },
    detail: 'the Will Topic holds # or +, which are wildcards; name one topic'
  },
  'will-payload-format': since5(
    payloadFormatInvalid, 'section 3.1.3.2.3', 'the Will Payload is not the UTF-8 that its Payload Format Indicator promises'),
  'connack-flags': {
    reasonCode: malformed, clause: { 4: 'section 3.2.2.1', 5: 'MQTT-3.2.2-1' }, detail: 'the reserved flags of CONNACK must be 0'
  },
  'connack-session-present': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.2.2-4', 5: 'MQTT-3.2.2-6' },
    detail: 'Session Present must be 0 where the connection is refused'
  },
  'connack-reason-code': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.2.2-6', 5: 'MQTT-3.2.2-8' }, detail: 'CONNACK has no such reason code'
  }
} as const satisfies Record<string, Rule>

const publishing = {
  'publish-qos': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.3.1-4', 5: 'MQTT-3.3.1-4' }, detail: 'QoS must be 0, 1 or 2'
  },
  'publish-dup': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.3.1-2', 5: 'MQTT-3.3.1-2' }, detail: 'DUP must be 0 at QoS 0'
  },
  'topic-wildcard': {
    reasonCode: topicNameInvalid, clause: { 4: 'MQTT-3.3.2-2', 5: 'MQTT-3.3.2-2' },
    detail: 'the topic name holds # or +, which are wildcards; publish to one topic'
  },
  'topic-empty': {
    reasonCode: protocolError, clause: { 4: 'MQTT-4.7.3-1', 5: 'MQTT-4.7.3-1' }, detail: 'a topic has at least one character'
  },
  'response-topic': since5(
    topicNameInvalid, 'MQTT-3.3.2-14', 'the Response Topic holds # or +, which are wildcards; name one topic'),
  'payload-format': since5(
    payloadFormatInvalid, 'section 3.3.2.3.2', 'the payload is not the UTF-8 that its Payload Format Indicator promises'),
  'alias-zero': since5(topicAliasInvalid, 'MQTT-3.3.2-8', 'a Topic Alias is never 0'),
  'alias-above-maximum': since5(
    topicAliasInvalid, 'MQTT-3.3.2-9', 'the Topic Alias is above the Topic Alias Maximum of CONNACK'),
  'alias-unknown': since5(
    protocolError, 'section 3.3.2.3.4', 'the Topic Alias stands for no topic yet; send the topic name with it once'),
  'subscription-id-from-client': since5(
    protocolError, 'MQTT-3.3.4-6', 'a client sends no Subscription Identifier in PUBLISH')
} as const satisfies Record<string, Rule>

const properties = {
  'property-length': since5(malformed, 'section 2.2.2.1', 'the Property Length goes past the end of the packet'),
  'property-unknown': since5(malformed, 'section 2.2.2.2', 'there is no property of this identifier'),
  'property-misplaced': since5(malformed, 'section 2.2.2.2', 'a property stands in a packet that may not have it'),
  'property-repeated': since5(protocolError, 'section 2.2.2.2', 'a property that may stand once stands twice'),
  'property-value': since5(protocolError, 'section 2.2.2.2', 'a property has a value out of its range'),
  'property-too-many': since5(quotaExceeded, 'section 4.13.2', 'there are too many user properties; send fewer'),
  'authentication-data': since5(
    protocolError, 'section 3.1.2.11.10', 'Authentication Data needs an Authentication Method'),
  'authentication-method': since5(protocolError, 'section 3.15.2.2.2', 'AUTH needs its Authentication Method'),
  'expiry-from-server': since5(
    protocolError, 'MQTT-3.14.2-2', 'a server sends no Session Expiry Interval in DISCONNECT')
} as const satisfies Record<string, Rule>

const answering = {
  'puback-reason-code': since5(protocolError, 'MQTT-3.4.2-1', 'PUBACK has no such reason code'),
  'pubrec-reason-code': since5(protocolError, 'MQTT-3.5.2-1', 'PUBREC has no such reason code'),
  'pubrel-reason-code': since5(protocolError, 'MQTT-3.6.2-1', 'PUBREL has no such reason code'),
  'pubcomp-reason-code': since5(protocolError, 'MQTT-3.7.2-1', 'PUBCOMP has no such reason code'),
  'unsuback-reason-code': since5(protocolError, 'MQTT-3.11.3-2', 'UNSUBACK has no such reason code'),
  'disconnect-reason-code': since5(protocolError, 'MQTT-3.14.2-1', 'this side has no such reason code of DISCONNECT'),
  'auth-reason-code': since5(protocolError, 'MQTT-3.15.2-1', 'this side has no such reason code of AUTH'),
  'suback-reason-code': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.9.3-2', 5: 'MQTT-3.9.3-2' }, detail: 'SUBACK has no such reason code'
  }
} as const satisfies Record<string, Rule>

const subscribing = {
  'subscribe-empty': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.8.3-3', 5: 'MQTT-3.8.3-2' }, detail: 'SUBSCRIBE names no topic filter'
  },
  'unsubscribe-empty': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.10.3-2', 5: 'MQTT-3.10.3-2' }, detail: 'UNSUBSCRIBE names no topic filter'
  },
  'subscribe-reserved': {
    reasonCode: malformed, clause: { 4: 'MQTT-3.8.3-4', 5: 'MQTT-3.8.3-5' },
    detail: 'the reserved bits of the subscription options must be 0'
  },
  'subscribe-qos': {
    reasonCode: protocolError, clause: { 4: 'MQTT-3.8.3-4', 5: 'section 3.8.3.1' }, detail: 'the QoS asked for must be 0, 1 or 2'
  },
  'retain-handling': since5(protocolError, 'section 3.8.3.1', 'Retain Handling must be 0, 1 or 2'),
  'no-local-shared': since5(protocolError, 'MQTT-3.8.3-4', 'No Local must be 0 on a shared subscription'),
  'filter-multi-level': {
    reasonCode: topicFilterInvalid, clause: { 4: 'MQTT-4.7.1-2', 5: 'MQTT-4.7.1-1' },
    detail: '# stands alone or after /, at the end of a topic filter'
  },
  'filter-single-level': {
    reasonCode: topicFilterInvalid, clause: { 4: 'MQTT-4.7.1-3', 5: 'MQTT-4.7.1-2' },
    detail: '+ takes a whole level of a topic filter'
  },
  'share-name': since5(
    topicFilterInvalid, 'MQTT-4.8.2-1', 'a shared subscription is $share/, a name and a topic filter'),
  'share-name-characters': since5(
    topicFilterInvalid, 'MQTT-4.8.2-2', 'a share name holds no + and no #, and a / and a topic filter follow it'),
  'filters-too-many': {
    reasonCode: quotaExceeded, clause: { 4: 'section 4.8', 5: 'section 4.13.2' },
    detail: 'there are too many topic filters in one packet; send fewer'
  }
} as const satisfies Record<string, Rule>

export const rules = { ...framing, ...connecting, ...publishing, ...properties, ...answering, ...subscribing }
