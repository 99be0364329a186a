// The simulated cluster: brokers that live, freeze and die, topics that come and go, and who leads what.

import type {
  ClusterMetadata, ProduceBatch, ProduceResult, ProducerId, TopicMetadata
} from '../../src/kafka/broker-link.ts'
import type { KafkaError } from '../../src/kafka/kafka-error.ts'
import { PartitionModel } from './partition-model.ts'
import type { Surroundings } from './partition-model.ts'
import type { World } from './world.ts'

/** A batch as it arrives. */
type Sent = ProduceBatch & { readonly timeoutMs: number }

/** Undefined where the broker leaves a batch out. */
type Answered = (results: readonly (ProduceResult | undefined)[]) => void

/** A connection as its broker sees it. */
export interface Connection { brokerDied (silently: boolean): void }

export class BrokerModel {
  readonly nodeId: number
  port: number
  alive = true
  /** Other brokers count it among them. */
  registered = true
  /** False: connections are taken and then nothing. */
  welcoming = true
  /** What it asks its clients to wait after each answer (KIP-219), in milliseconds. */
  throttleMs = 0
  readonly connections = new Set<Connection>()
  frozen = false
  #afterThaw: (() => void)[] = []

  constructor (nodeId: number) {
    this.nodeId = nodeId
    this.port = 9_000 + nodeId
  }

  /** What a stopped process does when it goes on. */
  run (work: () => void): void {
    if (this.frozen) this.#afterThaw.push(work)
    else work()
  }

  thaw (): void {
    this.frozen = false
    for (const work of this.#afterThaw.splice(0)) this.run(work)
  }

  die (silently: boolean): void {
    this.alive = false
    this.#afterThaw = []
    this.frozen = false
    for (const connection of [...this.connections]) connection.brokerDied(silently)
    this.connections.clear()
  }
}

export class TopicModel implements Surroundings {
  readonly name: string
  partitions: PartitionModel[] = []
  bytesMax: number
  denied = false
  hidden = false
  deleted = false
  /** How often it was made. */
  generation = 0
  readonly isFrozen: (node: number) => boolean

  constructor (name: string, bytesMax: number, isFrozen: (node: number) => boolean) {
    this.name = name
    this.bytesMax = bytesMax
    this.isFrozen = isFrozen
  }
}

export class ClusterModel {
  readonly brokers: readonly BrokerModel[]
  readonly topics = new Map<string, TopicModel>()
  /** Partitions of deleted topics. */
  readonly archive: PartitionModel[] = []
  readonly #world: World
  #producerIds = 100n
  /** Set while the coordinator gives no producer ids. */
  identityError: KafkaError | undefined

  constructor (brokerCount: number, world: World) {
    this.#world = world
    this.brokers = Array.from({ length: brokerCount }, (_, at) => new BrokerModel(at + 1))
  }

  get partitions (): PartitionModel[] {
    return [...this.topics.values()].flatMap(topic => topic.deleted ? [] : topic.partitions)
  }

  brokerAt (port: number): BrokerModel | undefined {
    return this.brokers.find(broker => broker.alive && broker.port === port)
  }

  broker (nodeId: number): BrokerModel | undefined {
    return this.brokers[nodeId - 1]
  }

  addTopic (name: string, bytesMax: number, partitionCount: number): void {
    const isFrozen = (node: number): boolean => this.broker(node)?.frozen === true
    const topic = new TopicModel(name, bytesMax, isFrozen)
    this.topics.set(name, topic)
    this.create(topic, partitionCount)
  }

  /** Makes the topic, for the first time or anew and empty. */
  create (topic: TopicModel, partitionCount: number): void {
    topic.generation++
    topic.deleted = false
    topic.partitions = Array.from({ length: partitionCount }, (_, index) => {
      const name = topic.generation === 1 ? topic.name : `${topic.name}#${topic.generation}`
      return new PartitionModel(name, index, this.#world, topic)
    })
    for (const partition of topic.partitions) {
      this.elect(partition)
      partition.toldLeader = partition.leader
    }
  }

  delete (topic: TopicModel): void {
    topic.deleted = true
    this.archive.push(...topic.partitions)
    for (const partition of topic.partitions) {
      partition.leader = -1
      partition.dismiss(3)
    }
  }

  /** Gives the partition another leader if there is one that could be, else none. */
  elect (partition: PartitionModel): void {
    const able = this.brokers.filter(({ alive, frozen, nodeId }) => alive && !frozen && nodeId !== partition.leader)
    const next = able.length === 0 ? undefined : this.#world.random.pick(able)
    if (next !== undefined) partition.lead(next.nodeId)
    else if (this.broker(partition.leader)?.alive !== true) partition.lead(-1)
  }

  /** One request that arrived at `node`; answered when the last of its batches is. */
  produce (node: number, batches: readonly Sent[], answered: Answered): void {
    const results: (ProduceResult | undefined)[] = []
    let leftCount = batches.length
    for (const [at, { topic, partition, bytes, timeoutMs }] of batches.entries()) {
      const told = (result: ProduceResult | undefined): void => {
        results[at] = result
        if (--leftCount === 0) answered(results)
      }
      const known = this.topics.get(topic)
      const model = known?.deleted === false ? known.partitions[partition] : undefined
      if (model === undefined) told({ code: 3, baseOffset: -1, invalidRecords: [], leader: undefined })
      else model.produce(node, bytes, timeoutMs, told)
    }
  }

  metadata (names: readonly string[]): ClusterMetadata {
    return {
      brokers: this.brokers.filter(({ registered }) => registered)
        .map(({ nodeId, port }) => ({ nodeId, port, host: '127.0.0.1' })),
      topics: names.map(name => this.#describe(name))
    }
  }

  #describe (name: string): TopicMetadata {
    const topic = this.topics.get(name)
    if (topic === undefined || topic.deleted || topic.hidden) return { name, code: 3, partitions: [] }
    if (topic.denied) return { name, code: 29, partitions: [] }
    return {
      name, code: 0,
      partitions: topic.partitions.map(({ index, toldLeader, epoch }) => this.broker(toldLeader)?.registered === true
        ? { index, code: 0, leader: toldLeader, leaderEpoch: epoch } : { index, code: 5, leader: -1, leaderEpoch: -1 })
    }
  }

  initProducerId (): ProducerId | KafkaError {
    return this.identityError ?? { id: this.#producerIds++, epoch: 0 }
  }
}
