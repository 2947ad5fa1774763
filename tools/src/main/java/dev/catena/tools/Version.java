package dev.catena.tools;

import picocli.CommandLine.IVersionProvider;

/** The version of this build. */
public final class Version implements IVersionProvider {
  /** As artifacts record it. */
  public static final String COMPILER = "0.1.0";

  @Override
  public String[] getVersion() {
    return new String[] {"catena " + COMPILER};
  }
}
