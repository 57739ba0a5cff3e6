//! The options of an ingestion as settings of a normalized layer's recipe. It must never leave one out that changes a
//! bar: a layer made with another value would be taken for the one asked for.

use crate::source::asset_class::AssetClass;
use crate::source::options::IngestOptions;

/// The options that can change how a file is normalized, by name.
pub(crate) fn option_settings(options: &IngestOptions) -> [(&'static str, Option<String>); 27] {
    let negative: Vec<&str> = options.negative_prices.iter().map(String::as_str).collect();
    let without_volume: Vec<&str> = options.without_volume.iter().map(String::as_str).collect();
    let class = |(symbol, class): (&String, &AssetClass)| format!("{symbol}={class}");
    let classes: Vec<String> = options.asset_classes.iter().map(class).collect();
    let number = |number: Option<u8>| number.map(|number| number.to_string());
    [
        (
            "adjusted",
            options.adjusted.map(|adjusted| adjusted.name().to_owned()),
        ),
        (
            "asset-class",
            options.asset_class.map(|class| class.to_string()),
        ),
        (
            "asset-classes",
            (!classes.is_empty()).then(|| classes.join("\n")),
        ),
        ("decimal", options.decimal.clone()),
        ("delimiter", options.delimiter.clone()),
        (
            "encoding",
            options.encoding.map(|encoding| encoding.name().to_owned()),
        ),
        (
            "epoch-unit",
            options.epoch_unit.map(|unit| unit.to_string()),
        ),
        ("header", options.header.map(|rule| rule.name().to_owned())),
        ("lot", options.lot.clone()),
        ("member", options.member.clone()),
        (
            "negative-prices",
            (!negative.is_empty()).then(|| negative.join("\n")),
        ),
        ("price-scale", number(options.price_scale)),
        ("quantity-scale", number(options.quantity_scale)),
        (
            "repeats",
            options.repeats.map(|rule| rule.name().to_owned()),
        ),
        ("round-prices", options.round_prices.clone()),
        ("round-volumes", options.round_volumes.clone()),
        ("skip", options.skip.map(|lines| lines.to_string())),
        (
            "skip-footer",
            options.skip_footer.map(|lines| lines.to_string()),
        ),
        ("symbol", options.symbol.clone()),
        ("thousands", options.thousands.clone()),
        ("tick", options.tick.clone()),
        (
            "timeframe",
            options.timeframe.map(|timeframe| timeframe.to_string()),
        ),
        ("vendor", options.vendor.clone()),
        ("volume", options.has_no_volume.then(|| "none".to_owned())),
        ("volume-scale", number(options.volume_scale)),
        (
            "without-volume",
            (!without_volume.is_empty()).then(|| without_volume.join("\n")),
        ),
        ("zone", options.zone.clone()),
    ]
}
