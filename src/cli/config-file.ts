// Finds, reads and loads the config file of a verb, and says what is wrong with it.

import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { renderMistakes } from '../config/mistake.ts'
import type { Mistake } from '../config/mistake.ts'
import { TextFileError, readTextFile } from '../config/text-file.ts'
import { configBytesMax } from '../config/yaml-text.ts'
import type { Origin } from '../settings.ts'
import { exitCodes } from './exit-codes.ts'
import { commandLine } from './program.ts'

/** The file that verbs take where none is named. */
export const defaultConfigPath = 'sluice.yaml'

/** `exitCode` and `text` tell why there is no config; `mistakes` are there where the file could be read. */
export type Opened =
  | { readonly origin: Origin, readonly path: string }
  | { readonly exitCode: number, readonly text: string, readonly mistakes?: readonly Mistake[], readonly path: string }

export type Environment = Readonly<Record<string, string | undefined>>

/** Loads the named file, or `sluice.yaml` in this folder. */
export async function openConfig (named: string | undefined, env: Environment): Promise<Opened> {
  const path = named ?? defaultConfigPath
  if (named === undefined && !existsSync(path)) {
    const text = `there is no config: ${defaultConfigPath} is not in this folder and no other file was named with -c\n` +
      `write one:             ${commandLine('init')}\n` +
      `or try it without one: ${commandLine('start --dev')}`
    return { exitCode: exitCodes.config.code, text, path }
  }
  try {
    return await loadText(readTextFile(path, configBytesMax), path, env)
  } catch (error) {
    return { exitCode: exitCodes.config.code, text: `cannot read ${path}: ${reasonOf(error)}`, path }
  }
}

/** Loads a config that is already text; `path` is what mistakes name. */
export async function loadText (text: string, path: string, env: Environment): Promise<Opened> {
  // Every room with its libraries: loaded only by verbs that need it.
  const { schema, settingChecks } = await import('../settings.ts')
  const loaded = loadConfig({ text, path, env, readFile: readTextFile, schema, checks: settingChecks })
  if ('document' in loaded) return { origin: { document: loaded.document, baseDir: dirname(resolve(path)) }, path }
  const { mistakes } = loaded
  return { exitCode: exitCodes.config.code, text: renderMistakes(mistakes, path).trimEnd(), mistakes, path }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file', EACCES: 'this user may not do that', EISDIR: 'it is a folder',
  ECONNREFUSED: 'nothing listens there', ENOTFOUND: 'no such host', ECONNRESET: 'the connection was cut'
}

/** Why a file or a connection could not be used, in words where there are some. */
export function reasonOf (error: unknown): string {
  if (error instanceof TextFileError) return error.message
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return reasons[error.code] ?? error.code
  return error instanceof Error ? error.message : String(error)
}
