// All that the reference takes from code instead of from memory, by the name that a page calls it by.
import { commandSection } from './command-section.ts';
import { errorSection } from './error-section.ts';
import type { Sections } from './fill-sections.ts';
import { manifestSection } from './manifest-section.ts';
import { metricSection } from './metric-section.ts';
import { settingSection } from './setting-section.ts';

export const SECTIONS: Sections = {
  commands: commandSection,
  errors: errorSection,
  manifest: manifestSection,
  metrics: metricSection,
  settings: settingSection,
};
