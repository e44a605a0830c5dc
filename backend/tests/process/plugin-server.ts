import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startServer } from '#backend/scripts/serve'
import { PLUGIN_FIXTURES } from '#backend/tests/plugins/folder'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Says what is in use after everything else has been thrown away. */
process.on('SIGUSR2', () => {
  collectGarbage()
  process.stdout.write(`heap ${process.memoryUsage().heapUsed}\n`)
})

await startServer({ plugin_folder: PLUGIN_FIXTURES })
