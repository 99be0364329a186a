// Preloaded into the process of each test file: keeps hooks of tap that nothing here uses out of it and its children.
import { registerHooks } from 'node:module'

/** Option of Node that loads this file; `test/run.ts` puts it into NODE_OPTIONS, before the options that tap adds. */
export const BARE_PROCESS_OPTION = `--import=${import.meta.url}`

/**
 * What tap preloads for coverage, for replaced imports and for a compiler of its own. The first watches each module
 * that is loaded, and hands itself on to every Node process and thread that a test starts: 0.2 to 0.4 s of CPU in each.
 */
const preload = /\/@tapjs\/(?:processinfo|mock|typescript)\/dist\/esm\/import\.mjs"?$/

registerHooks({
  resolve: (specifier, context, next) =>
    preload.test(specifier) ? { url: 'data:text/javascript,', shortCircuit: true } : next(specifier, context)
})

const options = (process.env.NODE_OPTIONS ?? '').split(' ')
// Not in tap itself, which has no such preload and has to hand the option on.
if ([...options, ...process.execArgv].some((option) => preload.test(option))) {
  // Types are stripped in place, so lines and columns are those of the source without any map.
  process.setSourceMapsEnabled(false)
  const kept = options.filter((option) => !preload.test(option) && !option.includes(BARE_PROCESS_OPTION))
  if (kept.length > 0) process.env.NODE_OPTIONS = kept.join(' ')
  else delete process.env.NODE_OPTIONS
}
