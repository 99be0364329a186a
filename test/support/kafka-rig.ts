// Starts a real Apache Kafka for tests: one broker or three, with TLS, SASL and ACLs, that a test can kill and freeze.
import { makeArchive } from './kafka-archive.ts'
import { kafkaClient } from './kafka-client.ts'
import type { KafkaClient } from './kafka-client.ts'
import { format, layOut, logTail, removeDirectory } from './kafka-layout.ts'
import type { KafkaAddresses, RigNode, RigOptions, RigState } from './kafka-layout.ts'
import type { Signal } from './kafka-process.ts'
import { findKafka } from './kafka-source.ts'
import { metadataAt, until } from './kafka-wire.ts'

const START_MS = 90_000
const SHUTDOWN_MS = 60_000
const LEADER_ELECTION = 'org.apache.kafka.tools.LeaderElectionCommand'

export interface ConsoleOptions {
  /** Ends after this many records. */
  readonly count: number
  /** More properties of its formatter; key and headers are printed unless told. */
  readonly properties?: Readonly<Record<string, string>>
}

export interface KafkaRig extends KafkaAddresses, KafkaClient {
  /** The logs of the brokers, in the order of `brokers`; the file goes with the rig unless SLUICE_TEST_KEEP is set. */
  readonly logPaths: readonly string[]
  readonly directory: string
  /** Ends the broker at once (SIGKILL); resolves when it is gone. Brokers count from 0. */
  readonly kill: (broker: number) => Promise<void>
  /** Stops the broker in an orderly way (SIGTERM): it hands over what it leads; resolves when it is gone. */
  readonly terminate: (broker: number) => Promise<void>
  /** Stops the broker's clock (SIGSTOP): sockets stay open, nothing answers. */
  readonly freeze: (broker: number) => Promise<void>
  /** Lets its clock run again; resolves when all brokers agree about the leaders. */
  readonly thaw: (broker: number) => Promise<void>
  /** Starts a killed broker on the same data and ports (kills it first if it runs); resolves when it serves. */
  readonly restart: (broker: number) => Promise<void>
  /** Kafka's own console consumer from the beginning of the topic; gives what it prints. */
  readonly consoleConsume: (topic: string, options: ConsoleOptions) => Promise<string>
  /** Has every partition led by the first of its replicas again, by Kafka's own tool (that of Kafka 4). */
  readonly electPreferred: () => Promise<void>
  /** Ends every process and removes the data. */
  readonly stop: () => Promise<void>
}

async function startNode(state: RigState, node: RigNode): Promise<void> {
  node.program = await state.launcher.start({
    main: 'kafka.Kafka',
    args: [node.propertiesPath],
    logPath: node.logPath,
    pidPath: node.pidPath,
    log4jPath: state.log4jPath,
    ports: node.publishedPorts
  })
}

/**
 * Waits until a broker answers for itself: it knows all brokers that should be there, every partition has a leader,
 * and it is in sync for each partition it holds. An open port means none of this.
 */
async function served(state: RigState, index: number, brokersUp: number): Promise<void> {
  const node = brokerAt(state, index)
  const address = state.addresses.brokers[index] ?? ''
  const { nodeId } = node.layout
  await until({
    what: `broker ${nodeId} to serve at ${address}`,
    timeoutMs: START_MS,
    explain: () => logTail(node),
    hopeless: () => node.program?.ending()
  }, async () => {
    const metadata = await metadataAt(address, nodeId)
    if (metadata.brokers.length < brokersUp) return undefined
    const partitions = metadata.topicMetadata.flatMap((topic) => topic.partitionMetadata)
    const ready = partitions.every((each) =>
      each.leader >= 0 && (!each.replicas.includes(nodeId) || each.isr.includes(nodeId)))
    return ready ? true : undefined
  })
}

function brokerAt(state: RigState, index: number): RigNode {
  const node = state.brokers[index]
  if (node === undefined) throw new Error(`the rig has brokers 0 to ${state.brokers.length - 1}, not ${index}`)
  return node
}

async function signalBroker(state: RigState, index: number, signal: Signal): Promise<void> {
  const { program } = brokerAt(state, index)
  if (program === undefined || program.ending() !== undefined) {
    if (signal === 'SIGKILL') return
    throw new Error(`broker ${index} is not running`)
  }
  await program.signal(signal)
}

async function terminate(state: RigState, index: number): Promise<void> {
  await signalBroker(state, index, 'SIGTERM')
  const node = brokerAt(state, index)
  await until({
    what: `broker ${index} to end`, timeoutMs: SHUTDOWN_MS, explain: () => logTail(node)
  }, async () => node.program?.ending())
}

async function restart(state: RigState, index: number): Promise<void> {
  await signalBroker(state, index, 'SIGKILL')
  await startNode(state, brokerAt(state, index))
  const up = state.brokers.filter((node) => node.program?.ending() === undefined).length
  await served(state, index, up)
}

/** Who leads what, as one broker sees it. */
async function viewOf(state: RigState, index: number): Promise<string> {
  const { nodeId } = brokerAt(state, index).layout
  const { topicMetadata } = await metadataAt(state.addresses.brokers[index] ?? '', nodeId)
  return JSON.stringify(topicMetadata.flatMap(({ topic, partitionMetadata }) =>
    partitionMetadata.map(({ partitionId, leader }) => `${topic}/${partitionId}: ${leader}`)).sort())
}

/** A broker that stood still believes what it knew, and would answer a reader as the leader that it was. */
async function thaw(state: RigState, index: number): Promise<void> {
  await signalBroker(state, index, 'SIGCONT')
  const running = [...state.brokers.keys()].filter((each) => brokerAt(state, each).program?.ending() === undefined)
  await until({ what: 'all brokers to agree about their leaders', timeoutMs: START_MS }, async () => {
    const views = await Promise.all(running.map((each) => viewOf(state, each)))
    return new Set(views).size === 1 ? true : undefined
  })
}

async function consoleConsume(state: RigState, topic: string, options: ConsoleOptions): Promise<string> {
  const properties = { 'print.key': 'true', 'print.headers': 'true', ...options.properties }
  const { main, formatterOption } = state.release.consoleConsumer
  return state.launcher.tool(main, [
    '--bootstrap-server', state.addresses.brokers.join(','), '--topic', topic, '--from-beginning',
    '--max-messages', String(options.count), '--timeout-ms', '20000',
    ...Object.entries(properties).flatMap(([name, value]) => [formatterOption, `${name}=${value}`])
  ])
}

async function electPreferred(state: RigState): Promise<void> {
  await state.launcher.tool(LEADER_ELECTION, [
    '--bootstrap-server', state.addresses.brokers.join(','), '--election-type', 'preferred', '--all-topic-partitions'
  ])
}

/** Starts a rig of its own for the caller. Takes some seconds; throws with the end of the broker's log if it cannot. */
export async function startKafka(options: RigOptions = {}): Promise<KafkaRig> {
  const source = await findKafka(process.env, options.version)
  if (source.kind === 'java') await makeArchive(source.lib)
  const state = await layOut(source, options)
  const nodes = [...(state.controller === undefined ? [] : [state.controller]), ...state.brokers]
  const onExit = (): void => {
    for (const node of nodes) node.program?.killNow()
    removeDirectory(state.directory)
  }
  process.once('exit', onExit)
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.program?.signal('SIGKILL')))
    state.ports.release()
    process.removeListener('exit', onExit)
    removeDirectory(state.directory)
  }
  try {
    await format(state)
    for (const node of nodes) await startNode(state, node)
    await Promise.all(state.brokers.map((_, index) => served(state, index, state.brokers.length)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...state.addresses,
    ...kafkaClient(state.addresses.brokers),
    directory: state.directory,
    logPaths: state.brokers.map((node) => node.logPath),
    kill: (broker) => signalBroker(state, broker, 'SIGKILL'),
    terminate: (broker) => terminate(state, broker),
    freeze: (broker) => signalBroker(state, broker, 'SIGSTOP'),
    thaw: (broker) => thaw(state, broker),
    restart: (broker) => restart(state, broker),
    consoleConsume: (topic, consoleOptions) => consoleConsume(state, topic, consoleOptions),
    electPreferred: () => electPreferred(state),
    stop
  }
}
