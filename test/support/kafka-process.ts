// Runs Kafka's programs for the rig, by Java or inside Docker, so that none outlives the process that started it.
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { getgid, getuid } from 'node:process'
import { promisify } from 'node:util'

const TOOL_MS = 60_000
const OUTPUT_BYTES = 32 * 1024 * 1024

/** Start fast on few cores: a small heap, the quick compiler only, the collector without threads. */
const JVM_OPTIONS = ['-Xms64m', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Djava.awt.headless=true']

// The program's standard input is a pipe from the rig. When the rig dies in any way, kill -9 included, the pipe ends
// and the watcher kills the program. A word on the pipe means the program has ended already: its process id may
// belong to somebody else by then, so the watcher just goes.
const WATCHED = 'exec 3<&0 </dev/null; '
  + '(read -r word <&3; [ -n "$word" ] || kill -9 $$) & '
  + 'echo $$ > "$1"; shift; exec "$@" 3<&-'

const run = promisify(execFile)

export type Signal = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'

export interface Program {
  /** Settles when the program has ended; says how. Never rejects. */
  readonly ended: Promise<string>
  /** How it ended, once it has. */
  readonly ending: () => string | undefined
  readonly signal: (signal: Signal) => Promise<void>
  /** Kills at once without waiting, for the exit of the process. */
  readonly killNow: () => void
}

export interface ProgramOptions {
  readonly main: string
  readonly args: readonly string[]
  readonly logPath: string
  readonly pidPath: string
  readonly log4jPath: string
  /** Ports to publish when the program runs in a container of its own network. */
  readonly ports: readonly number[]
}

export interface Launcher {
  /** Where listeners are bound. */
  readonly bindAddress: string
  readonly start: (options: ProgramOptions) => Promise<Program>
  /** Runs a tool to its end and gives its standard output. */
  readonly tool: (main: string, args: readonly string[]) => Promise<string>
}

interface Spawned {
  readonly command: string
  readonly args: readonly string[]
  readonly logPath: string
  readonly signal: (child: ChildProcess, signal: Signal) => Promise<void>
}

async function launch(options: Spawned): Promise<Program> {
  const log = await open(options.logPath, 'a')
  const child = spawn(options.command, options.args, { stdio: ['pipe', log.fd, log.fd] })
  let ending: string | undefined
  const ended = new Promise<string>((resolve) => {
    const end = (how: string): void => {
      ending = how
      child.stdin?.on('error', () => undefined)
      child.stdin?.end('ended\n')
      resolve(how)
    }
    child.once('error', (error) => end(`could not start: ${error.message}`))
    child.once('exit', (code, signal) => end(`ended with ${signal ?? `code ${code}`}`))
  })
  await log.close()
  // A test that forgets to stop its rig ends all the same, and the rig with it.
  child.unref()
  return {
    ended,
    ending: () => ending,
    signal: async (signal) => {
      if (ending !== undefined) return
      child.ref()
      await options.signal(child, signal)
      if (signal === 'SIGKILL') await ended
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') child.unref()
    },
    killNow: () => void child.kill('SIGKILL')
  }
}

/** Programs as children of this process, with jars from a folder. `jvmOptions` come after the rig's own. */
export function javaLauncher(lib: string, jvmOptions: readonly string[]): Launcher {
  const java = [...JVM_OPTIONS, ...jvmOptions]
  const classPath = ['-cp', `${lib}/*`]
  return {
    bindAddress: '127.0.0.1',
    start: (options) => launch({
      command: '/bin/sh',
      args: ['-c', WATCHED, 'kafka-rig', options.pidPath, 'java', ...java,
        `-Dlog4j2.configurationFile=${options.log4jPath}`, ...classPath, options.main, ...options.args],
      logPath: options.logPath,
      // The shell has become the program, so the child's process id is the program's.
      signal: async (child, signal) => void child.kill(signal)
    }),
    tool: async (main, args) => {
      const { stdout } = await run('java', [...java, ...classPath, main, ...args],
        { timeout: TOOL_MS, maxBuffer: OUTPUT_BYTES })
      return stdout
    }
  }
}

/**
 * Programs in containers. The first one started publishes the ports on 127.0.0.1 and owns the network; the others join
 * it, so that 127.0.0.1 means the same to all of them as it does outside. `directory` is mounted at the same path.
 */
export function dockerLauncher(image: string, directory: string): Launcher {
  const prefix = `sluice-kafka-${randomBytes(4).toString('hex')}`
  const user = ['--user', `${getuid?.() ?? 0}:${getgid?.() ?? 0}`]
  const mount = ['-v', `${directory}:${directory}`]
  const java = ['java', ...JVM_OPTIONS]
  const classPath = ['-cp', '/opt/kafka/libs/*']
  let owner: string | undefined
  let count = 0
  return {
    bindAddress: '0.0.0.0',
    start: (options) => {
      count += 1
      const name = `${prefix}-${count}`
      const owns = options.ports.length > 0
      if (owns) owner = name
      const network = owns
        ? options.ports.flatMap((port) => ['-p', `127.0.0.1:${port}:${port}`])
        : ['--network', `container:${owner ?? name}`]
      return launch({
        command: 'docker',
        // --init, because a process with id 1 could not kill itself.
        args: ['run', '--rm', '-i', '--init', '--name', name, ...network, ...user, ...mount, '--entrypoint', '/bin/sh',
          image, '-c', WATCHED, 'kafka-rig', options.pidPath, ...java,
          `-Dlog4j2.configurationFile=${options.log4jPath}`, ...classPath, options.main, ...options.args],
        logPath: options.logPath,
        signal: async (_child, signal) => {
          const command = `kill -${signal.slice('SIG'.length)} "$(cat "$0")"`
          await run('docker', ['exec', name, '/bin/sh', '-c', command, options.pidPath], { timeout: TOOL_MS })
        }
      })
    },
    tool: async (main, args) => {
      const network = owner === undefined ? [] : ['--network', `container:${owner}`]
      const { stdout } = await run('docker', ['run', '--rm', ...network, ...user, ...mount, '--entrypoint', 'java',
        image, ...JVM_OPTIONS, ...classPath, main, ...args], { timeout: TOOL_MS, maxBuffer: OUTPUT_BYTES })
      return stdout
    }
  }
}
