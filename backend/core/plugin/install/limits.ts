/** What an archive may hold. The size of the archive itself is the setting PLUGIN_ARCHIVE_BYTES_MAX. */
export const ARCHIVE_LIMITS = {
  files: 512,
  file_bytes: 2 * 1024 * 1024,
  total_bytes: 16 * 1024 * 1024,
  /** Source code packs to a third or a tenth; a hundredth is made to burst. Small files are left alone. */
  ratio: 100,
  ratio_from_bytes: 64 * 1024,
  depth: 8,
  name_length: 200,
} as const

/** What trying a plugin in a process of its own may take. */
export const SMOKE_LIMITS = {
  /** Until the process has loaded what is the product's: no fault of the plugin, however busy the machine is. */
  start_ms: 60_000,
  load_ms: 15_000,
  /** Between the report and the end of the process. */
  end_ms: 5_000,
  heap_mb: 256,
  resident_mb: 768,
  output_bytes: 256 * 1024,
} as const
export type SmokeLimits = { readonly [name in keyof typeof SMOKE_LIMITS]: number }

export const GIT_LIMITS = { ms: 60_000, bytes: 64 * 1024 * 1024 } as const
export const NPM_LIMITS = { ms: 120_000, bytes: 256 * 1024 * 1024, packages: 256 } as const
