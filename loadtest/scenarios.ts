// What is sent under load, as plain data: for the benches here and for the k6 script, which takes TypeScript as it is.

/** One kind of traffic. */
export interface Scenario {
  /** The media type of the requests. */
  readonly contentType: string
  /** Connections, each with one request under way. */
  readonly connections: number
  /** 1 is an event per request; more is a request of lines. */
  readonly eventsPerRequest: number
  /** The format of the gateway's route: with CloudEvents attributes as headers, or nothing but the data. */
  readonly format: 'binary' | 'raw'
  /** Size of the data of one event, JSON. */
  readonly eventBytes: number
  /** The bench: events before the counting begins (code gets hot), and those that are counted. */
  readonly warmUpEvents: number
  readonly countedEvents: number
  /** k6, an open model: requests are begun at this rate whether or not the answers keep up. */
  readonly requestsPerSecond: number
  readonly durationSeconds: number
}

export const scenarios = {
  single: {
    contentType: 'application/json', connections: 64, eventsPerRequest: 1, format: 'binary', eventBytes: 200,
    warmUpEvents: 100_000, countedEvents: 200_000, requestsPerSecond: 1_000, durationSeconds: 10
  },
  lines: {
    contentType: 'application/x-ndjson', connections: 32, eventsPerRequest: 100, format: 'binary', eventBytes: 200,
    warmUpEvents: 500_000, countedEvents: 1_000_000, requestsPerSecond: 100, durationSeconds: 10
  },
  rawLines: {
    contentType: 'application/x-ndjson', connections: 32, eventsPerRequest: 100, format: 'raw', eventBytes: 200,
    warmUpEvents: 500_000, countedEvents: 1_000_000, requestsPerSecond: 100, durationSeconds: 10
  }
} as const satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof scenarios

/** Partitions of the topic that is written to. */
export const partitionCount = 6

/** The channel that is sent to, and so the path after `/v1/events/`. */
export const channel = 'load/orders'

/** The data of one event: a JSON object of exactly `eventBytes` bytes, all ASCII. */
export function eventText (eventBytes: number): string {
  const opening = '{"order":"7f3c2e1a-95d4","customer":"customer-4711","paid":true,"amount":1234.5,"note":"'
  const closing = '"}'
  return opening + 'x'.repeat(eventBytes - opening.length - closing.length) + closing
}

/** Events on open streams, at a rate, for the k6 scripts of the doors that have them. */
export const streams = {
  connections: 50, eventBytes: 200, inFlightMax: 100, eventsPerSecond: 20, durationSeconds: 10
} as const

/** The channel of these events. */
export const streamChannel = 'load/streams'

/** The data of an event with a name, which no other has. Exactly `eventBytes` bytes, all ASCII. */
export function namedEventText (id: string, eventBytes: number): string {
  const opening = `{"id":"${id}","note":"`
  const closing = '"}'
  return opening + 'x'.repeat(eventBytes - opening.length - closing.length) + closing
}

/** Digits of the number of an event in its id, so that all events of a device have one length. */
export const orderDigits = 9

/** The id of an event of a device: `order` counts from 1. */
export function deviceEventId (device: string, order: number): string {
  return `${device}-${String(order).padStart(orderDigits, '0')}`
}

/** The data of an event of a device, which no other has. Exactly `eventBytes` bytes, all ASCII. */
export function deviceEventText (device: string, order: number, eventBytes: number): string {
  const opening = `{"device":"${device}","id":"${deviceEventId(device, order)}","note":"`
  const closing = '"}'
  return opening + 'x'.repeat(eventBytes - opening.length - closing.length) + closing
}

/** The body of one request. */
export function bodyText ({ eventsPerRequest, eventBytes }: Scenario): string {
  const event = eventText(eventBytes)
  return eventsPerRequest === 1 ? event : `${event}\n`.repeat(eventsPerRequest)
}
