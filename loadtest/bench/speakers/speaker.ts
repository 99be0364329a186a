// What a stream's load generator needs to know of a protocol: how to begin, how to send, and how acks come back.

/** How one connection begins. */
export interface SpeakerSetup {
  readonly port: number
  readonly channel: string
  readonly apiKey: string
  /** The data of every event. */
  readonly data: Buffer
}

/** Told by a connection that is open. */
export interface Hearing {
  /** So many more events are acknowledged, in whatever messages. */
  acked (count: number): void
  /** Anything but an ack: a refusal, or an end. */
  broken (what: string): void
}

export interface Speaker {
  /** Sends so many events in one write. */
  send (count: number): void
  end (): void
}

/** Resolves when events may be sent. By hand: a client library would cost more than what is measured. */
export type Speak = (setup: SpeakerSetup, hearing: Hearing) => Promise<Speaker>
