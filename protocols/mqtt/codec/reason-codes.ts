// The reason codes of MQTT 5 and the return codes of 3.1.1: their names, and which of them a packet may carry.

/** Table 2-6 of MQTT 5. */
export const reasonCodes = {
  success: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reauthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2
} as const

/** Return codes of CONNACK in 3.1.1, table 3.1. */
export const returnCodes = {
  accepted: 0, unacceptableProtocolVersion: 1, identifierRejected: 2, serverUnavailable: 3, badUserNameOrPassword: 4,
  notAuthorized: 5
} as const

/** The return code of SUBACK in 3.1.1 for a subscription that is refused. */
export const subscriptionFailure = 0x80

type Codes = ReadonlySet<number>

const published: Codes = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])
const released: Codes = new Set([0x00, 0x92])

/**
 * Which reason codes each packet of MQTT 5 may carry; DISCONNECT and AUTH differ by who sends them. 0x8C of DISCONNECT
 * stands in table 2-6 only, for a re-authentication that fails.
 */
export const reasonCodesOf = {
  CONNACK: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f
  ]),
  PUBACK: published,
  PUBREC: published,
  PUBREL: released,
  PUBCOMP: released,
  SUBACK: new Set([0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  UNSUBACK: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  DISCONNECT: {
    client: new Set([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]),
    server: new Set([
      0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
      0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2
    ])
  },
  AUTH: { client: new Set([0x18, 0x19]), server: new Set([0x00, 0x18]) }
} as const satisfies Record<string, Codes | { client: Codes, server: Codes }>

/** The same for 3.1.1. */
export const returnCodesOf = {
  CONNACK: new Set([0, 1, 2, 3, 4, 5]), SUBACK: new Set([0, 1, 2, subscriptionFailure])
} as const satisfies Record<string, Codes>
