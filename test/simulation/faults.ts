// The faults of a schedule: each picks its victim when its time comes, lasts for a while, and heals in the end.

import { KafkaError } from '../../src/kafka/kafka-error.ts'
import type { BrokerModel, ClusterModel } from './cluster-model.ts'
import type { PartitionModel, Trouble } from './partition-model.ts'
import type { Random } from './random.ts'
import type { SimulatedLink } from './simulated-link.ts'

export interface Stage {
  readonly random: Random
  readonly cluster: ClusterModel
  /** Links that are open or about to be. */
  links (): readonly SimulatedLink[]
  /** Calls `work` later, unless all has healed by then. */
  later (ms: number, work: () => void): void
  /** Calls `undo` after `ms`, or when all heals. */
  lasting (ms: number, undo: () => void): void
}

/** Says what it did; undefined where there was nobody to do it to. */
export type Fault = (stage: Stage) => string | undefined

function anyPartition ({ random, cluster }: Stage): PartitionModel | undefined {
  const all = cluster.partitions
  return all.length === 0 ? undefined : random.pick(all)
}

function anyBroker ({ random, cluster }: Stage): BrokerModel | undefined {
  const sound = cluster.brokers.filter(({ alive, frozen }) => alive && !frozen)
  return sound.length === 0 ? undefined : random.pick(sound)
}

function anyLink ({ random, links: open }: Stage): SimulatedLink | undefined {
  const links = open()
  return links.length === 0 ? undefined : random.pick(links)
}

/** The others take over what this broker leads. */
function takeOver ({ cluster }: Stage, broker: BrokerModel): void {
  for (const partition of cluster.partitions) if (partition.leader === broker.nodeId) cluster.elect(partition)
}

function findLeaders ({ cluster }: Stage): void {
  for (const partition of cluster.partitions) if (partition.leader < 0) cluster.elect(partition)
}

const movesLeader: Fault = stage => {
  const partition = anyPartition(stage)
  if (partition === undefined) return undefined
  const before = partition.leader
  stage.cluster.elect(partition)
  return `${partition} moves from ${before} to ${partition.leader}`
}

const losesLeader: Fault = stage => {
  const partition = anyPartition(stage)
  if (partition === undefined) return undefined
  partition.lead(-1)
  stage.lasting(stage.random.between(10, 2_000), () => {
    if (partition.leader < 0 && stage.cluster.partitions.includes(partition)) stage.cluster.elect(partition)
  })
  return `${partition} loses its leader`
}

const dies: Fault = stage => {
  const { random } = stage
  const broker = anyBroker(stage)
  if (broker === undefined) return undefined
  const silently = random.chance(0.2)
  broker.die(silently)
  for (const partition of stage.cluster.partitions) if (partition.leader === broker.nodeId) partition.lead(-1)
  stage.later(random.between(50, 1_000), () => {
    broker.registered = broker.alive
    findLeaders(stage)
  })
  stage.lasting(random.between(100, 4_000), () => {
    broker.alive = broker.registered = true
    if (random.chance(0.2) && broker.nodeId > 1) broker.port += 100
    findLeaders(stage)
  })
  return `broker ${broker.nodeId} dies${silently ? ' without a word' : ''}`
}

const freezes: Fault = stage => {
  const { random } = stage
  const broker = anyBroker(stage)
  if (broker === undefined) return undefined
  broker.frozen = true
  if (random.chance(0.5)) stage.later(random.between(50, 1_000), () => { if (broker.frozen) takeOver(stage, broker) })
  stage.lasting(random.between(50, 4_000), () => {
    broker.thaw()
    findLeaders(stage)
    for (const partition of stage.cluster.partitions) partition.advance()
  })
  return `broker ${broker.nodeId} freezes`
}

const vanishes: Fault = stage => {
  const { random, cluster } = stage
  const topic = random.pick([...cluster.topics.values()])
  if (topic.deleted) return undefined
  const ms = random.between(10, 3_000)
  if (random.chance(0.5)) {
    topic.hidden = true
    stage.lasting(ms, () => { topic.hidden = false })
    return `the brokers forget ${topic.name}`
  }
  cluster.delete(topic)
  const partitionCount = random.chance(0.7) ? topic.partitions.length : random.between(1, 5)
  stage.lasting(ms, () => { cluster.create(topic, partitionCount) })
  return `${topic.name} is deleted, and will have ${partitionCount} partitions`
}

const troubles: readonly Omit<Trouble, 'share'>[] = [
  ...[19, 19, 2, -1, undefined].map(code => ({ code, appended: false })),
  ...[20, 7, -1, 56, 9_999, undefined].map(code => ({ code, appended: true }))
]

const errs: Fault = stage => {
  const { random } = stage
  const partition = anyPartition(stage)
  if (partition === undefined) return undefined
  const trouble = { ...random.pick(troubles), share: random.pick([0.3, 1]) }
  partition.trouble = trouble
  stage.lasting(random.between(10, 1_500), () => { if (partition.trouble === trouble) partition.trouble = undefined })
  return `${partition} answers ${trouble.code ?? 'nothing'}${trouble.appended ? ' after the append' : ''}`
}

const stopsReplicating: Fault = stage => {
  const partition = anyPartition(stage)
  if (partition === undefined) return undefined
  partition.stuck = true
  stage.lasting(stage.random.between(10, 3_000), () => { partition.stuck = false })
  return `${partition} has slow followers`
}

const throttles: Fault = stage => {
  const broker = anyBroker(stage)
  if (broker === undefined) return undefined
  broker.throttleMs = stage.random.between(1, 300)
  stage.lasting(stage.random.between(10, 2_000), () => { broker.throttleMs = 0 })
  return `broker ${broker.nodeId} throttles`
}

const ignoresConnections: Fault = stage => {
  const broker = anyBroker(stage)
  if (broker === undefined) return undefined
  broker.welcoming = false
  for (const link of stage.links()) if (stage.random.chance(0.5)) link.cut(false)
  stage.lasting(stage.random.between(10, 2_000), () => { broker.welcoming = true })
  return `broker ${broker.nodeId} opens no connections`
}

const cuts: Fault = stage => {
  const silently = stage.random.chance(0.3)
  const link = anyLink(stage)
  link?.cut(silently)
  return link === undefined ? undefined : `${link.name} is cut${silently ? ' silently' : ''}`
}

const stalls: Fault = stage => {
  const link = anyLink(stage)
  link?.stall(stage.random.between(10, 3_000))
  return link === undefined ? undefined : `${link.name} stalls`
}

const congests: Fault = stage => {
  const link = anyLink(stage)
  if (link === undefined) return undefined
  link.congested = true
  stage.lasting(stage.random.between(1, 1_000), () => { link.congested = false })
  return `${link.name} is congested`
}

const shrinks: Fault = ({ random, cluster, lasting }) => {
  const topic = random.pick([...cluster.topics.values()])
  const before = topic.bytesMax
  topic.bytesMax = random.between(200, 2_000)
  lasting(random.between(10, 1_500), () => { topic.bytesMax = Math.max(topic.bytesMax, before) })
  return `${topic.name} takes batches of ${topic.bytesMax} bytes`
}

const denies: Fault = ({ random, cluster, lasting }) => {
  const topic = random.pick([...cluster.topics.values()])
  topic.denied = true
  lasting(random.between(10, 1_500), () => { topic.denied = false })
  return `${topic.name} is denied`
}

const givesNoIds: Fault = ({ random, cluster, lasting }) => {
  cluster.identityError = new KafkaError('loading', { type: 'COORDINATOR_LOAD_IN_PROGRESS' })
  lasting(random.between(10, 1_500), () => { cluster.identityError = undefined })
  return 'no producer ids'
}

/** With how often each is drawn beside the others. */
const weighted: readonly (readonly [number, Fault])[] = [
  [4, movesLeader], [2, losesLeader], [3, dies], [3, freezes], [1, vanishes], [5, errs], [2, stopsReplicating],
  [1, throttles], [1, ignoresConnections], [5, cuts], [2, stalls], [1, congests], [1, shrinks], [1, denies],
  [1, givesNoIds]
]
const drawn = weighted.flatMap(([weight, fault]) => Array.from({ length: weight }, () => fault))

export function drawFault (random: Random): Fault {
  return random.pick(drawn)
}
