// Starts a real Apache Kafka for tests: one broker or three, with TLS, SASL and ACLs, that a test can kill and freeze.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './certificates.ts'
import { kafkaClient } from './kafka-client.ts'
import type { KafkaClient } from './kafka-client.ts'
import { claimPorts } from './kafka-ports.ts'
import type { PortBlock } from './kafka-ports.ts'
import { dockerLauncher, javaLauncher } from './kafka-process.ts'
import type { Launcher, Program, Signal } from './kafka-process.ts'
import { ADMIN_USER, LOG4J_PROPERTIES, pemKeystore, scramArguments, serverProperties } from './kafka-properties.ts'
import type { BrokerPorts, ClusterLayout, KafkaUser, NodeLayout } from './kafka-properties.ts'
import { findKafka } from './kafka-source.ts'
import type { KafkaSource } from './kafka-source.ts'
import { until, withCluster } from './kafka-wire.ts'

const START_MS = 90_000
const LOG_TAIL_BYTES = 4_000
const DIRECTORY_PREFIX = 'sluice-kafka-'

/** The controller's node id in a rig of three; brokers are 1, 2 and 3. */
const CONTROLLER_ID = 100

export interface RigOptions {
  /** Three brokers get a controller process of their own that nothing here kills. 1 unless told. */
  readonly brokers?: 1 | 3
  /** SASL users besides the admin. Each may log in by SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN, and has no ACL yet. */
  readonly users?: readonly KafkaUser[]
  /** Properties for every node that win over the rig's own. */
  readonly config?: Readonly<Record<string, string>>
  /**
   * How long a killed or frozen broker counts as alive; also what a restart after a kill waits for. 3 s unless told:
   * longer is safer on a loaded machine, shorter makes faults quicker.
   */
  readonly brokerSessionMs?: number
}

/** What other processes need to use a rig. */
export interface KafkaAddresses {
  /** Plaintext addresses. Everybody is superuser there. */
  readonly brokers: readonly string[]
  readonly sslBrokers: readonly string[]
  readonly saslBrokers: readonly string[]
  /** PEM of the CA that signed the brokers' certificates; empty when there is none. */
  readonly caPath: string
  /** May do everything over SASL. */
  readonly admin: KafkaUser
  readonly users: readonly KafkaUser[]
}

export interface ConsoleOptions {
  /** Ends after this many records. */
  readonly count: number
  /** More `--formatter-property` values; key and headers are printed unless told. */
  readonly properties?: Readonly<Record<string, string>>
}

export interface KafkaRig extends KafkaAddresses, KafkaClient {
  /** The logs of the brokers, in the order of `brokers`; the file goes with the rig unless SLUICE_TEST_KEEP is set. */
  readonly logPaths: readonly string[]
  readonly directory: string
  /** Ends the broker at once (SIGKILL); resolves when it is gone. Brokers count from 0. */
  readonly kill: (broker: number) => Promise<void>
  /** Stops the broker's clock (SIGSTOP): sockets stay open, nothing answers. */
  readonly freeze: (broker: number) => Promise<void>
  readonly thaw: (broker: number) => Promise<void>
  /** Starts a killed broker on the same data and ports (kills it first if it runs); resolves when it serves. */
  readonly restart: (broker: number) => Promise<void>
  /** Kafka's own console consumer from the beginning of the topic; gives what it prints. */
  readonly consoleConsume: (topic: string, options: ConsoleOptions) => Promise<string>
  /** Ends every process and removes the data. */
  readonly stop: () => Promise<void>
}

interface RigNode {
  readonly layout: NodeLayout
  readonly propertiesPath: string
  readonly logPath: string
  readonly pidPath: string
  /** Published when the node is the first to start in Docker. */
  readonly publishedPorts: readonly number[]
  program: Program | undefined
}

interface RigState {
  readonly launcher: Launcher
  readonly directory: string
  readonly log4jPath: string
  readonly cluster: ClusterLayout
  readonly brokers: readonly RigNode[]
  readonly controller: RigNode | undefined
  readonly addresses: KafkaAddresses
  readonly ports: PortBlock
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Makes the rig's folder. Folders of test processes that died without removing theirs go first. */
async function rigDirectory(): Promise<string> {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${DIRECTORY_PREFIX}(\\d+)-`).exec(name)?.[1] ?? 0)
    if (pid > 0 && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
  return mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`))
}

function removeDirectory(directory: string): void {
  if (process.env.SLUICE_TEST_KEEP !== undefined) return
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

function launcherOf(source: KafkaSource, directory: string): Launcher {
  if (source.kind === 'java') return javaLauncher(source.lib)
  if (source.kind === 'docker') return dockerLauncher(source.image, directory)
  const why = source.kind === 'none' ? source.reason : 'KAFKA_BROKERS names a cluster that is not ours to start'
  throw new Error(`no Kafka rig can start: ${why}`)
}

function rigNode(directory: string, layout: NodeLayout, publishedPorts: readonly number[]): RigNode {
  const name = layout.ports === undefined ? 'controller' : `broker-${layout.nodeId}`
  mkdirSync(layout.dataDirectory, { recursive: true })
  return {
    layout,
    propertiesPath: join(directory, `${name}.properties`),
    logPath: join(directory, `${name}.log`),
    pidPath: join(directory, `${name}.pid`),
    publishedPorts,
    program: undefined
  }
}

function portAt(ports: readonly number[], index: number): number {
  const port = ports[index]
  if (port === undefined) throw new Error(`the rig's port block has no port ${index}`)
  return port
}

/** Names everything and writes the files; starts nothing. */
async function layOut(source: KafkaSource, options: RigOptions): Promise<RigState> {
  const directory = await rigDirectory()
  const launcher = launcherOf(source, directory)
  const ports = await claimPorts()
  const certificates = await makeCertificates(join(directory, 'certificates'), { name: 'broker' })
  const keystorePath = join(directory, 'certificates', 'broker-keystore.pem')
  const [key, cert, ca] = await Promise.all(
    [certificates.keyPath, certificates.certPath, certificates.caPath].map((path) => readFile(path, 'utf8')))
  await writeFile(keystorePath, pemKeystore({ key: key ?? '', cert: cert ?? '', ca: ca ?? '' }), { mode: 0o600 })
  const log4jPath = join(directory, 'log4j2.properties')
  await writeFile(log4jPath, LOG4J_PROPERTIES)

  const brokerCount = options.brokers ?? 1
  const cluster: ClusterLayout = {
    brokerCount,
    controllerId: brokerCount === 1 ? 1 : CONTROLLER_ID,
    controllerPort: portAt(ports.ports, 0),
    bindAddress: launcher.bindAddress,
    keystorePath,
    users: options.users ?? [],
    brokerSessionMs: options.brokerSessionMs ?? 3_000,
    config: options.config ?? {}
  }
  const brokerPorts: BrokerPorts[] = Array.from({ length: brokerCount }, (_, index) => ({
    plaintext: portAt(ports.ports, 1 + 3 * index),
    ssl: portAt(ports.ports, 2 + 3 * index),
    sasl: portAt(ports.ports, 3 + 3 * index)
  }))
  const published = ports.ports.slice(0, 1 + 3 * brokerCount)
  const brokers = brokerPorts.map((each, index) => rigNode(directory, {
    nodeId: index + 1,
    dataDirectory: join(directory, `broker-${index + 1}-data`),
    isController: brokerCount === 1,
    ports: each
  }, brokerCount === 1 ? published : []))
  const controller = brokerCount === 1 ? undefined : rigNode(directory, {
    nodeId: CONTROLLER_ID, dataDirectory: join(directory, 'controller-data'), isController: true
  }, published)
  for (const node of [...brokers, ...(controller === undefined ? [] : [controller])]) {
    await writeFile(node.propertiesPath, serverProperties(cluster, node.layout))
  }
  return {
    launcher, directory, log4jPath, cluster, brokers, controller, ports,
    addresses: {
      brokers: brokerPorts.map((each) => `127.0.0.1:${each.plaintext}`),
      sslBrokers: brokerPorts.map((each) => `127.0.0.1:${each.ssl}`),
      saslBrokers: brokerPorts.map((each) => `127.0.0.1:${each.sasl}`),
      caPath: certificates.caPath,
      admin: ADMIN_USER,
      users: cluster.users
    }
  }
}

async function format(state: RigState): Promise<void> {
  const clusterId = randomBytes(16).toString('base64url')
  const users = scramArguments([ADMIN_USER, ...state.cluster.users])
  const nodes = state.controller === undefined ? state.brokers : [state.controller, ...state.brokers]
  await Promise.all(nodes.map((node) => state.launcher.tool('kafka.tools.StorageTool',
    ['format', '-t', clusterId, '-c', node.propertiesPath, ...(node.layout.isController ? users : [])])))
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

async function logTail(node: RigNode): Promise<string> {
  const text = await readFile(node.logPath, 'utf8').catch(() => '(no log)')
  return `\nend of ${node.logPath}:\n${text.slice(-LOG_TAIL_BYTES)}`
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
  }, () => withCluster([address], async (cluster) => {
    const broker = await cluster.findBroker({ nodeId: String(nodeId) })
    const metadata = await broker.metadata([])
    if (metadata.brokers.length < brokersUp) return undefined
    const partitions = metadata.topicMetadata.flatMap((topic) => topic.partitionMetadata)
    const ready = partitions.every((each) =>
      each.leader >= 0 && (!each.replicas.includes(nodeId) || each.isr.includes(nodeId)))
    return ready ? true : undefined
  }))
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

async function restart(state: RigState, index: number): Promise<void> {
  await signalBroker(state, index, 'SIGKILL')
  await startNode(state, brokerAt(state, index))
  const up = state.brokers.filter((node) => node.program?.ending() === undefined).length
  await served(state, index, up)
}

async function consoleConsume(state: RigState, topic: string, options: ConsoleOptions): Promise<string> {
  const properties = { 'print.key': 'true', 'print.headers': 'true', ...options.properties }
  return state.launcher.tool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    '--bootstrap-server', state.addresses.brokers.join(','), '--topic', topic, '--from-beginning',
    '--max-messages', String(options.count), '--timeout-ms', '20000',
    ...Object.entries(properties).flatMap(([name, value]) => ['--formatter-property', `${name}=${value}`])
  ])
}

/** Starts a rig of its own for the caller. Takes some seconds; throws with the end of the broker's log if it cannot. */
export async function startKafka(options: RigOptions = {}): Promise<KafkaRig> {
  const state = await layOut(await findKafka(), options)
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
    freeze: (broker) => signalBroker(state, broker, 'SIGSTOP'),
    thaw: (broker) => signalBroker(state, broker, 'SIGCONT'),
    restart: (broker) => restart(state, broker),
    consoleConsume: (topic, consoleOptions) => consoleConsume(state, topic, consoleOptions),
    stop
  }
}
