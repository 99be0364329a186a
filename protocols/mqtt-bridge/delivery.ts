// One message on its way from PUBLISH to PUBACK, and the line in which messages wait to be acknowledged in order.

import type { Envelope, Principal } from '../../src/contract/envelope.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import type { Acknowledgement } from './connection.ts'

/** One message that has a place in the window. */
export interface Delivery {
  readonly ticket: number
  /** 0 of QoS 0, which is never acknowledged. */
  readonly packetId: number
  readonly packet: PublishPacket
  /** Undefined: it was refused before it was an event. */
  readonly envelope: Envelope | undefined
  readonly principal: Principal
  reservedBytes: number
  /** `flying`: in the pipeline. `resting`: to be tried again. `done`: may be acknowledged. */
  state: 'flying' | 'resting' | 'done'
  /** Of its PUBACK. */
  reasonCode: number
  /** False once its connection is gone, until it comes again over the next one. */
  isHeard: boolean
}

/** What a packet takes in memory beside its topic and payload. */
const overheadBytes = 200

export function sizeOf ({ topicName, payload }: PublishPacket): number {
  return topicName.length + payload.length + overheadBytes
}

/** True of a message that is sent again; packet ids alone are used anew. */
export function isSame (one: PublishPacket, other: PublishPacket): boolean {
  return one.topicName === other.topicName && one.payload.equals(other.payload)
}

/** So many places are given up at once: moving the rest costs more than keeping them. */
const keptMax = 1_024

/** A client acknowledges in the order of receipt (MQTT-4.6.0-2): what is done waits for all that came before it. */
export class AckLine {
  #line: Delivery[] = []
  /** What is before this is acknowledged. */
  #at = 0

  push (delivery: Delivery): void {
    this.#line.push(delivery)
  }

  /** Takes the beginning of the line that is done; tells of each. */
  takeDone (onTaken: (delivery: Delivery) => void): Acknowledgement[] {
    const due: Acknowledgement[] = []
    for (let head = this.#line[this.#at]; head?.state === 'done'; head = this.#line[this.#at]) {
      due.push({ packetId: head.packetId, reasonCode: head.reasonCode })
      this.#at++
      onTaken(head)
    }
    if (this.#at > keptMax || this.#at === this.#line.length) {
      this.#line.splice(0, this.#at)
      this.#at = 0
    }
    return due
  }

  /** Gives up the line, with what is not acknowledged. */
  clear (): Delivery[] {
    const left = this.#line.slice(this.#at)
    this.#line = []
    this.#at = 0
    return left
  }
}
