use crate::VariableName;

/// Variables that one kind of program reads, and that no request may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedVariables {
    /// The programs that read them.
    pub reader: &'static str,
    /// Beginnings of reserved names, in capital letters.
    pub prefixes: &'static [&'static str],
    /// Whole reserved names, in capital letters.
    pub names: &'static [&'static str],
}

/// The end of every proxy variable's name: `HTTPS_PROXY`, `no_proxy`, `FTP_PROXY`.
pub const RESERVED_SUFFIX: &str = "_PROXY";

/// Every reserved name, in any case, by the programs that read it.
///
/// Reserved is what changes what a program trusts, connects to or executes before the owner's command decides
/// anything: the runner and git with its helpers, TLS libraries, the C library with its loader, shells, and language
/// runtimes. Variables that only the command's own programs read are the owner's to list, with a `pattern`.
pub const RESERVED_VARIABLES: &[ReservedVariables] = &[
    ReservedVariables {
        reader: "the runner and the build machine",
        prefixes: &["DOORBELL_", "CODEBUILD_"],
        // The runner sets these for the command: a request's value would be lost.
        names: &["PROJECT_NAME", "PROJECTNAME", "GITBRANCH", "PWD", "OLDPWD"],
    },
    ReservedVariables { reader: "AWS SDKs", prefixes: &["AWS_", "ECS_", "BOTO_"], names: &["REQUESTS_CA_BUNDLE"] },
    ReservedVariables {
        reader: "git, Git LFS and ssh",
        prefixes: &["GIT_", "SSH_", "GPG_", "XDG_"],
        names: &[
            "HOME",
            "GNUPGHOME",
            "EDITOR",
            "VISUAL",
            "PAGER",
            "LESS",
            "LESSOPEN",
            "LESSCLOSE",
            "LV",
            "DISPLAY",
            "NETRC",
        ],
    },
    ReservedVariables {
        reader: "curl and TLS libraries",
        prefixes: &["CURL_", "SSL_", "OPENSSL_", "GNUTLS_", "NSS_", "P11_KIT_", "KRB5", "GSS"],
        names: &["SSLKEYLOGFILE", "QLOGDIR"],
    },
    ReservedVariables {
        reader: "the C library and the dynamic loader",
        prefixes: &["LD_", "DYLD_", "GLIBC_", "MALLOC_", "RESOLV_", "MUSL_"],
        names: &[
            "GCONV_PATH",
            "GETCONF_DIR",
            "LOCPATH",
            "NLSPATH",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "RES_OPTIONS",
            "NIS_PATH",
            "TMPDIR",
            "TMP",
            "TEMP",
            "TEMPDIR",
            "TZDIR",
            "LIBPATH",
            "SHLIB_PATH",
            "TERMINFO",
            "TERMINFO_DIRS",
            "TERMCAP",
        ],
    },
    ReservedVariables {
        reader: "shells",
        prefixes: &["BASH", "ZSH_", "KSH_"],
        names: &[
            "PATH",
            "ENV",
            "IFS",
            "SHELL",
            "SHELLOPTS",
            "CDPATH",
            "GLOBIGNORE",
            "EXECIGNORE",
            "FPATH",
            "ZDOTDIR",
            "PS0",
            "PS1",
            "PS2",
            "PS3",
            "PS4",
            "PROMPT_COMMAND",
            "POSIXLY_CORRECT",
            "INPUTRC",
        ],
    },
    ReservedVariables { reader: "Python", prefixes: &["PYTHON"], names: &["VIRTUAL_ENV"] },
    ReservedVariables { reader: "Perl", prefixes: &["PERL"], names: &[] },
    ReservedVariables { reader: "Ruby", prefixes: &["RUBY", "GEM_", "BUNDLE_", "BUNDLER_"], names: &[] },
    ReservedVariables {
        reader: "Node.js",
        // Not NODE_ENV, which projects do set.
        prefixes: &["NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_", "NODE_TLS_", "NODE_REPL_", "NODE_V8_", "NPM_CONFIG_"],
        names: &[
            "NODE_ICU_DATA",
            "NODE_REDIRECT_WARNINGS",
            "NODE_USE_ENV_PROXY",
            "NODE_USE_SYSTEM_CA",
            "NODE_PENDING_DEPRECATION",
        ],
    },
    ReservedVariables {
        reader: "Java",
        prefixes: &["JAVA_TOOL_", "JDK_JAVA_"],
        names: &[
            "_JAVA_OPTIONS",
            "JAVA_OPTS",
            "JAVA_HOME",
            "CLASSPATH",
            "MAVEN_OPTS",
            "MAVEN_ARGS",
            "GRADLE_OPTS",
            "SBT_OPTS",
            "ANT_OPTS",
        ],
    },
    ReservedVariables { reader: ".NET", prefixes: &["DOTNET_", "COMPLUS_", "CORECLR_", "COR_"], names: &[] },
    ReservedVariables {
        reader: "PHP, Lua, Tcl, Guile, Erlang and R",
        prefixes: &["LUA_", "GUILE_", "ERL_", "R_"],
        names: &["PHPRC", "PHP_INI_SCAN_DIR", "TCLLIBPATH", "TCL_LIBRARY", "ELIXIR_ERL_OPTIONS"],
    },
    ReservedVariables {
        reader: "make, C compilers, Go and Rust",
        prefixes: &["CARGO_", "RUSTC_", "CCACHE_"],
        names: &[
            "MAKEFLAGS",
            "MFLAGS",
            "GNUMAKEFLAGS",
            "MAKEFILES",
            "MAKELEVEL",
            "GCC_EXEC_PREFIX",
            "COMPILER_PATH",
            "LIBRARY_PATH",
            "CPATH",
            "C_INCLUDE_PATH",
            "CPLUS_INCLUDE_PATH",
            "GOFLAGS",
            "GOENV",
            "GOROOT",
            "GOPROXY",
            "GOTOOLCHAIN",
            "RUSTC",
            "RUSTFLAGS",
            "RUSTDOCFLAGS",
        ],
    },
];

/// Whether no request may set a variable of this name, even where the project lists it.
pub fn is_reserved_variable(name: &VariableName) -> bool {
    let name = name.as_str().to_ascii_uppercase();
    name.ends_with(RESERVED_SUFFIX)
        || RESERVED_VARIABLES.iter().any(|group| {
            group.names.contains(&name.as_str()) || group.prefixes.iter().any(|prefix| name.starts_with(prefix))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], reserved: bool) {
        for name in names {
            assert_eq!(is_reserved_variable(&name.parse().unwrap()), reserved, "{name}");
        }
    }

    #[test]
    fn names_that_steer_git_tls_or_loaders_are_reserved() {
        check(&["https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "socks_proxy", "ftp_proxy"], true);
        check(&["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "CURL_CA_BUNDLE", "CURL_HOME", "OPENSSL_CONF"], true);
        check(&["SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_SSH", "git_dir", "XDG_CONFIG_HOME", "HOME", "NETRC"], true);
        check(&["LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "TMPDIR"], true);
        check(&["PATH", "Path", "ENV", "BASH_ENV", "BASHOPTS", "BASH_FUNC_ls", "PS4", "SHELLOPTS", "CDPATH"], true);
        check(&["NODE_OPTIONS", "NODE_PATH", "PYTHONPATH", "PYTHONSTARTUP", "PERL5OPT", "PERL5LIB", "RUBYOPT"], true);
        check(&["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "DOTNET_STARTUP_HOOKS", "PHPRC", "LUA_INIT", "R_PROFILE"], true);
        check(&["DOORBELL_GIT_URL", "CODEBUILD_SRC_DIR", "AWS_PROFILE", "PROJECT_NAME", "PWD", "MAKEFLAGS"], true);
    }

    #[test]
    fn names_of_ordinary_build_parameters_are_free() {
        check(&["STAGE", "VERSION", "RELEASE", "NODE_ENV", "RAILS_ENV", "TZ", "LANG", "CI", "DEBUG", "_debug"], false);
        check(&["PATHS", "MY_PATH", "ENVIRONMENT", "AWSOME", "HOMEPAGE", "PROXY", "REGION", "DOCKER_TAG"], false);
    }
}
