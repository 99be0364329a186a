// What the answers of the broker double are made from: the request, the cluster it is about, and the faults to play.

import { codes } from './codes.ts'
import type { ProtocolReader } from './protocol-reader.ts'
import type { ProtocolWriter } from './protocol-writer.ts'
import type { About, SeenBatch } from './request-log.ts'
import type { PartFault } from './script.ts'
import type { Topics } from './topics.ts'
import type { Ranges } from './versions.ts'

/** What all brokers of the double share. */
export interface Cluster {
  readonly topics: Topics
  readonly ranges: Ranges
  /** By the number of the broker. */
  readonly ports: readonly number[]
  nextProducerId (): bigint
}

/** A request that is about to be answered. */
export interface Call {
  readonly version: number
  readonly broker: number
  readonly cluster: Cluster
  readonly reader: ProtocolReader
  readonly writer: ProtocolWriter
}

export type PartFaults = ReadonlyMap<About, PartFault>

/** A request that was read. */
export interface Reading {
  readonly about: readonly About[]
  readonly batches: readonly SeenBatch[]
  /** False: the client wants no answer. */
  readonly wantsAnswer: boolean
  /** Does what is asked, and writes the answer. */
  answer (faults: PartFaults, throttleMs: number): void | Promise<void>
}

/** Of APIs that are about no partition. */
export const everything: About = { topic: '', partition: -1 }

export function scriptedCode (faults: PartFaults, about: About): number {
  const fault = faults.get(about)
  return fault !== undefined && 'error' in fault ? fault.error : codes.none
}
