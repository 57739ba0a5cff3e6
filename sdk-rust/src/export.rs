//! The way from the component's exports to the strategy. Nothing here may decide anything.

/// Exports a strategy from the component. Once in a crate.
///
/// Natively it does nothing, so the same crate runs under `cargo test`.
#[macro_export]
macro_rules! export {
    ($strategy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the symbols that the component model calls")]
        const _: () = {
            use ::core::cell::RefCell;
            use ::core::option::Option;
            use ::core::result::Result;
            use ::std::string::String;
            use ::std::vec::Vec;
            use $crate::bindings::{
                Bar, CorporateAction, Description, Fill, OrderEvent, Request, Setup,
            };

            ::std::thread_local! {
                static RUN: RefCell<Option<$crate::Run<$strategy>>> = const { RefCell::new(None) };
            }

            struct Component;

            impl $crate::bindings::Guest for Component {
                fn describe() -> Description {
                    $crate::install_panic_hook();
                    <$crate::Run<$strategy>>::describe()
                }

                fn init(setup: Setup) -> Result<(), String> {
                    $crate::install_panic_hook();
                    let run = <$crate::Run<$strategy>>::init(setup)?;
                    RUN.set(Some(run));
                    Ok(())
                }

                fn on_bar(bar: Bar) -> Result<Vec<Request>, String> {
                    RUN.with_borrow_mut(|run| match run {
                        Some(run) => run.on_bar(&bar),
                        None => Err(String::from("on-bar was called before init")),
                    })
                }

                fn on_fill(fill: Fill) {
                    RUN.with_borrow_mut(|run| {
                        if let Some(run) = run {
                            <$strategy as $crate::Strategy>::on_fill(run.strategy(), &fill);
                        }
                    });
                }

                fn on_order_event(event: OrderEvent) {
                    RUN.with_borrow_mut(|run| {
                        if let Some(run) = run {
                            <$strategy as $crate::Strategy>::on_order_event(run.strategy(), &event);
                        }
                    });
                }

                fn on_corporate_action(action: CorporateAction) {
                    RUN.with_borrow_mut(|run| {
                        if let Some(run) = run {
                            <$strategy as $crate::Strategy>::on_corporate_action(
                                run.strategy(),
                                &action,
                            );
                        }
                    });
                }
            }

    $crate::bindings::export_component!(Component with_types_in $crate::bindings);
        };
    };
}

/// Sends a panic's message through the log before the trap. Without it the host sees only
/// `unreachable`.
#[doc(hidden)]
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        use core::fmt::Write as _;
        let mut line = String::from("panic");
        if let Some(place) = info.location() {
            // Writing to a string cannot fail.
            let _ = write!(line, " at {}:{}", place.file(), place.line());
        }
        if let Some(message) = info.payload_as_str() {
            line.push_str(": ");
            line.push_str(message);
        }
        crate::log::error(&line);
    }));
}
