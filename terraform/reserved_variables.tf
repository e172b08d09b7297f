# The names of variables that no request may set: those of publisher/messages/src/reserved_variable.rs, whose comments say
# which program reads which. A test compares the lists. The runner rejects these names as well; a plan says so first.

locals {
  reserved_prefixes = [
    "AWS_", "BASH", "BOTO_", "BUNDLER_", "BUNDLE_", "CARGO_", "CCACHE_", "CODEBUILD_", "COMPLUS_", "CORECLR_",
    "COR_", "CURL_", "DOORBELL_", "DOTNET_", "DYLD_", "ECS_", "ERL_", "GEM_", "GIT_", "GLIBC_", "GNUTLS_", "GPG_",
    "GSS", "GUILE_", "JAVA_TOOL_", "JDK_JAVA_", "KRB5", "KSH_", "LD_", "LUA_", "MALLOC_", "MUSL_", "NODE_EXTRA_",
    "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_", "NODE_TLS_", "NODE_V8_", "NPM_CONFIG_", "NSS_", "OPENSSL_",
    "P11_KIT_", "PERL", "PYTHON", "RESOLV_", "RUBY", "RUSTC_", "R_", "SSH_", "SSL_", "XDG_", "ZSH_",
  ]
  reserved_suffixes = ["_PROXY"]
  reserved_names = [
    "ANT_OPTS", "CDPATH", "CLASSPATH", "COMPILER_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "DISPLAY",
    "EDITOR", "ELIXIR_ERL_OPTIONS", "ENV", "EXECIGNORE", "FPATH", "GCC_EXEC_PREFIX", "GCONV_PATH", "GETCONF_DIR",
    "GITBRANCH", "GLOBIGNORE", "GNUMAKEFLAGS", "GNUPGHOME", "GOENV", "GOFLAGS", "GOPROXY", "GOROOT", "GOTOOLCHAIN",
    "GRADLE_OPTS", "HOME", "HOSTALIASES", "IFS", "INPUTRC", "JAVA_HOME", "JAVA_OPTS", "LESS", "LESSCLOSE",
    "LESSOPEN", "LIBPATH", "LIBRARY_PATH", "LOCALDOMAIN", "LOCPATH", "LV", "MAKEFILES", "MAKEFLAGS", "MAKELEVEL",
    "MAVEN_ARGS", "MAVEN_OPTS", "MFLAGS", "NETRC", "NIS_PATH", "NLSPATH", "NODE_ICU_DATA",
    "NODE_PENDING_DEPRECATION", "NODE_REDIRECT_WARNINGS", "NODE_USE_ENV_PROXY", "NODE_USE_SYSTEM_CA", "OLDPWD",
    "PAGER", "PATH", "PHPRC", "PHP_INI_SCAN_DIR", "POSIXLY_CORRECT", "PROJECTNAME", "PROJECT_NAME", "PROMPT_COMMAND",
    "PS0", "PS1", "PS2", "PS3", "PS4", "PWD", "QLOGDIR", "REQUESTS_CA_BUNDLE", "RES_OPTIONS", "RUSTC",
    "RUSTDOCFLAGS", "RUSTFLAGS", "SBT_OPTS", "SHELL", "SHELLOPTS", "SHLIB_PATH", "SSLKEYLOGFILE", "TCLLIBPATH",
    "TCL_LIBRARY", "TEMP", "TEMPDIR", "TERMCAP", "TERMINFO", "TERMINFO_DIRS", "TMP", "TMPDIR", "TZDIR",
    "VIRTUAL_ENV", "VISUAL", "ZDOTDIR", "_JAVA_OPTIONS",
  ]

  reserved_variable = "^(${join("|", local.reserved_prefixes)})|^(${join("|", local.reserved_names)})$|(${join("|", local.reserved_suffixes)})$"
}
