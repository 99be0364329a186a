// The topics of the broker double's cluster: partitions, who leads them, and their logs, shared by all its brokers.

import { randomBytes } from 'node:crypto'
import { PartitionLog } from './partition-log.ts'

export interface TopicSetup {
  /** 1 unless told. */
  readonly partitions?: number
  /** `max.message.bytes`; Kafka's 1,048,588 unless told. */
  readonly batchBytesMax?: number
  /** `cleanup.policy=compact`: records need keys. Nothing is compacted. */
  readonly compacted?: boolean
}

export interface Partition {
  readonly index: number
  readonly log: PartitionLog
  /** Number of a broker; -1: there is none. */
  leader: number
  leaderEpoch: number
}

export interface Topic {
  readonly name: string
  /** 16 bytes in hexadecimal digits. */
  readonly id: string
  readonly partitions: readonly Partition[]
  readonly batchBytesMax: number
  readonly compacted: boolean
}

const batchBytesMaxOfKafka = 1_048_588

export class Topics {
  readonly #brokerCount: number
  readonly #byName = new Map<string, Topic>()

  constructor (brokerCount: number) {
    this.#brokerCount = brokerCount
  }

  all (): readonly Topic[] { return [...this.#byName.values()] }
  named (name: string): Topic | undefined { return this.#byName.get(name) }
  withId (id: string): Topic | undefined { return this.all().find(topic => topic.id === id) }

  /** Leaders go round the brokers. */
  create (name: string, { partitions = 1, batchBytesMax = batchBytesMaxOfKafka, compacted = false }: TopicSetup): void {
    const indexes = Array.from({ length: partitions }, (_, index) => index)
    this.#byName.set(name, {
      name, id: randomBytes(16).toString('hex'), batchBytesMax, compacted,
      partitions: indexes.map(index => ({
        index, log: new PartitionLog(), leader: index % this.#brokerCount, leaderEpoch: 0
      }))
    })
  }

  delete (name: string): void {
    this.#byName.delete(name)
  }

  /** Throws where a test names one that is not there. */
  partition (name: string, index: number): Partition {
    const partition = this.named(name)?.partitions[index]
    if (partition === undefined) throw new Error(`the broker double has no partition ${index} of topic ${name}`)
    return partition
  }
}
