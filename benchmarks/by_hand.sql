-- The marts orders, web_sessions, cohort_retention and kpi_values, as somebody would write them
-- by hand who knows this company's raw data: one system per feed, yen, calendar years, the
-- default settings. $raw, $reference and $as_of are filled in. DuckDB only.

create schema marts;

create temp macro business_date(moment) as
    cast(timezone('Asia/Tokyo', timezone('UTC', moment)) as date);
create temp macro money(x) as cast(x as decimal(38, 12));
set variable as_of = date '$as_of';
set variable end_at = timezone(
    'UTC', timezone('Asia/Tokyo', cast(getvariable('as_of') + 1 as timestamp))
);


-- What stands of what was delivered -------------------------------------------------------

create temp table delivered_orders as
    with delivered as (
        from read_parquet('$raw/orders/orders/load_id=0*/*.parquet', hive_partitioning = false)
    ),
    repeated as (select order_id from delivered group by order_id having count(*) > 1)
    select * from delivered anti join repeated using (order_id)
    union all
    select * from (
        select * from delivered semi join repeated using (order_id)
        qualify row_number() over (
            partition by order_id order by coalesce(updated_at, delivered_at) desc
        ) = 1
    );

create temp table items as
    with delivered as (
        select order_item_id, order_id, product_id, quantity, line_total, delivered_at
        from read_parquet('$raw/orders/order_items/load_id=0*/*.parquet', hive_partitioning = false)
    ),
    newest as (
        select order_id, max(delivered_at) as delivered_at from delivered group by order_id
    )
    select delivered.* exclude (delivered_at)
    from delivered inner join newest using (order_id, delivered_at);

create temp table products as
    with listed as (
        select
            *,
            coalesce(valid_from, timestamp '1900-01-01') as begins_at,
        from read_parquet('$raw/orders/products/load_id=0*/*.parquet', hive_partitioning = false)
        where valid_from is null or valid_from < getvariable('end_at')
    )
    select
        product_id,
        category,
        list_price,
        unit_cost,
        currency,
        begins_at,
        lead(begins_at, 1, timestamp '9999-12-31') over (
            partition by product_id order by begins_at
        ) as ends_at,
    from listed;

create temp table fx as
    select currency, cast(month || '-01' as date) as month, cast(rate as decimal(18, 8)) as rate
    from read_csv('$reference/fx_rates.csv', all_varchar = true);

create temp table margins as
    select category, cast(margin_rate as decimal(9, 6)) as margin_rate
    from read_csv('$reference/margin_rates.csv', all_varchar = true);
set variable default_margin = (select margin_rate from margins where category = 'default');

create temp table customer_versions as
    select *, timezone(
        'UTC', timezone('Asia/Tokyo', cast(business_date(stated_at) as timestamp))
    ) = stated_at as is_midnight
    from (
        select *, coalesce(updated_at, delivered_at) as stated_at
        from read_parquet('$raw/crm/customers/load_id=0*/*.parquet', hive_partitioning = false)
    );

-- persons that the CRM knows are those created by now in their newest version
create temp table known as
    select customer_id, max_by(created_at, stated_at) as created_at
    from customer_versions
    group by customer_id
    having coalesce(max_by(created_at, stated_at) < getvariable('end_at'), true);

create temp table email_owners as
    select email, min(customer_id) as customer_id
    from customer_versions
    semi join known using (customer_id)
    where email is not null
    group by email
    having min(customer_id) = max(customer_id);


-- Orders -----------------------------------------------------------------------------------

create temp table counting_orders as
    select
        order_id,
        coalesce(orders.customer_id, email_owners.customer_id) as customer_id,
        store_id,
        campaign_id,
        channel,
        orders.currency,
        discount > 0 as has_discount,
        ordered_at,
        business_date(ordered_at) as ordered_date,
        date_trunc('month', ordered_date) as ordered_month,
        subtotal - coalesce(discount, 0) as own_value,
        if(orders.currency = 'JPY', 1, fx.rate) as fx_rate
    from delivered_orders as orders
    left join email_owners
        on if(orders.customer_id is null, orders.email, null) = email_owners.email
    left join fx
        on orders.currency = fx.currency
        and date_trunc('month', business_date(ordered_at)) = fx.month
    where not coalesce(is_test, false)
        and ordered_at < getvariable('end_at')
        and status <> 'pending'
        and (status <> 'cancelled' or cancelled_at >= getvariable('end_at'));

create temp table sold as
    select
        items.order_item_id,
        items.order_id,
        coalesce(products.category, 'unknown') as category,
        line_total,
        money(line_total * fx_rate) as line_amount,
        if(list_price is null, null, line_amount) as listed_amount,
        if(
            line_amount >= money(
                quantity::decimal(18, 0) * list_price
                * if(coalesce(products.currency, orders.currency) = 'JPY', 1, fx.rate)
            ),
            line_amount, null
        ) as full_price_amount,
        min(ordered_date) over (
            partition by orders.customer_id, coalesce(products.category, 'unknown')
        ) as first_category_date,
        case
            when unit_cost is not null then line_amount - money(
                quantity::decimal(18, 0) * unit_cost
                * if(coalesce(products.currency, orders.currency) = 'JPY', 1, fx.rate)
            )
            else money(
                line_total * fx_rate
                * coalesce(margins.margin_rate, getvariable('default_margin'))
            )
        end as profit_amount
    from items
    inner join counting_orders as orders using (order_id)
    left join products
        on items.product_id = products.product_id
        and orders.ordered_at >= products.begins_at
        and orders.ordered_at < products.ends_at
    left join fx
        on coalesce(products.currency, orders.currency) = fx.currency
        and orders.ordered_month = fx.month
    left join margins on products.category = margins.category;

create temp table valued_orders as
    with totals as (
        select
            order_id,
            sum(line_total) as line_total,
            sum(profit_amount) as profit_amount,
            count(listed_amount) as listed_items,
            sum(listed_amount) as listed_amount,
            sum(full_price_amount) as full_price_amount,
            max(first_category_date) as newest_category_date
        from sold
        group by order_id
    ),
    valued as (
        select
            orders.* exclude (own_value),
            totals.order_id is not null as has_items,
            cast(if(has_items, totals.line_total, own_value) as decimal(28, 4)) as goods_value,
            money(goods_value * fx_rate) as goods_amount,
            if(
                has_items,
                money(totals.profit_amount),
                money(goods_amount * getvariable('default_margin'))
            ) as profit_amount,
            listed_items,
            listed_amount,
            full_price_amount,
            newest_category_date
        from counting_orders as orders
        left join totals using (order_id)
    )
    select
        *,
        if(customer_id is null, null, row_number() over in_time) as order_number,
        if(customer_id is null, null, first(ordered_date) over in_time) as first_ordered_date,
        if(customer_id is null, null, lead(ordered_date) over in_time) as next_ordered_date
    from valued
    window in_time as (partition by customer_id order by ordered_at, order_id);

create temp table counting_refunds as
    with placed as (
        select
            refunds.refund_id,
            refunds.order_item_id,
            known.order_id,
            coalesce(refunds.refunded_at, orders.ordered_at) as refunded_at,
            refunds.amount,
            coalesce(refunds.currency, known.currency, 'JPY') as currency,
            orders.ordered_month,
            orders.goods_amount,
            orders.profit_amount,
            if(known.order_id is null, refunds.customer_id, orders.customer_id) as customer_id,
            orders.channel,
            orders.store_id,
            orders.campaign_id
        from read_parquet('$raw/orders/refunds/load_id=0*/*.parquet', hive_partitioning = false)
            as refunds
        left join delivered_orders as known
            on refunds.order_id = known.order_id and known.ordered_at < getvariable('end_at')
        left join valued_orders as orders on refunds.order_id = orders.order_id
        where orders.order_id is not null or known.order_id is null
    )
    select
        placed.* exclude (profit_amount),
        business_date(refunded_at) as refunded_date,
        money(amount * if(placed.currency = 'JPY', 1, fx.rate)) as refund_amount,
        case
            when order_id is null then money(refund_amount * getvariable('default_margin'))
            when coalesce(goods_amount, 0) = 0 then money(0)
            else money(profit_amount::double * refund_amount::double / goods_amount::double)
        end as profit_amount
    from placed
    left join fx
        on placed.currency = fx.currency
        and coalesce(ordered_month, date_trunc('month', business_date(refunded_at))) = fx.month
    where refunded_at < getvariable('end_at');

create table marts.orders as
    with refunds as (
        select order_id, count(*) as refund_count, sum(refund_amount) as refund_amount
        from counting_refunds
        where order_id is not null
        group by order_id
    )
    select
        'shop:' || order_id as order_key,
        'crm:' || customer_id as person_key,
        'shop' as system,
        order_id,
        channel as order_channel,
        store_id,
        campaign_id,
        currency,
        goods_value::decimal(38, 4) as goods_value,
        round(goods_amount, 4)::decimal(38, 4) as goods_amount,
        round(profit_amount, 4)::decimal(38, 4) as profit_amount,
        round(refund_amount, 4)::decimal(38, 4) as refund_amount,
        coalesce(refund_count, 0) as refund_count,
        order_number,
        coalesce(order_number = 1, false) as is_first_order,
        customer_id is null as is_guest,
        has_items,
        coalesce(has_discount, false) as has_discount,
        ordered_date,
        next_ordered_date,
        ordered_at
    from valued_orders
    left join refunds using (order_id);


-- Sessions ---------------------------------------------------------------------------------

create temp table visits as
    with delivered as (
        select
            event_id, anonymous_id, customer_id, session_id, occurred_at, event_name, platform,
            utm_campaign, hash(event_id) as event_hash
        from read_parquet('$raw/web/web_events/load_id=0*/*.parquet', hive_partitioning = false)
        where occurred_at < getvariable('end_at')
    ),
    repeated as (select event_hash from delivered group by event_hash having count(*) > 1),
    events as (
        select * from delivered anti join repeated using (event_hash)
        union all
        select * from (
            select distinct on (event_id) *
            from delivered semi join repeated using (event_hash)
        )
    )
    select
        session_id,
        if(session_id is null, epoch_ms(occurred_at) // 1_800_000, null) as half_hour,
        anonymous_id,
        customer_id,
        if(
            event_name in ('app_open', 'login', 'feature_use'), business_date(occurred_at), null
        ) as app_day,
        if(event_name in ('app_open', 'login', 'feature_use'), platform, null) as app_platform,
        min({moment: occurred_at, id: event_id, platform: platform, campaign: utm_campaign}) as first,
        max(occurred_at) as ended_at,
        count(*) as events,
        count_if(event_name = 'page_view') as page_view_count,
        count_if(event_name = 'product_view') as product_view_count,
        count_if(event_name = 'document_download') as document_download_count,
        count_if(event_name = 'add_to_cart') as add_to_cart_count,
        count_if(event_name = 'begin_checkout') as begin_checkout_count,
        count_if(event_name = 'purchase') as purchase_count,
        count_if(event_name = 'sign_up') as sign_up_count,
        count_if(event_name = 'login') as login_count,
        count_if(event_name = 'app_open') as app_open_count,
        count_if(event_name = 'feature_use') as feature_use_count
    from events
    group by session_id, half_hour, anonymous_id, customer_id, app_day, app_platform;

create temp table visitors as
    with known_as as (
        select anonymous_id, customer_id from visits where customer_id is not null
        union all
        select identity_value, customer_id
        from read_parquet('$raw/crm/identities/load_id=0*/*.parquet', hive_partitioning = false)
        where identity_type = 'web_anonymous_id' and linked_at < getvariable('end_at')
    )
    select anonymous_id, min(customer_id) as customer_id
    from known_as
    group by anonymous_id
    having min(customer_id) = max(customer_id);

create temp table sessions as
    with reached as (
        select *, max(ended_at) over (
            partition by anonymous_id order by first.moment
            rows between unbounded preceding and 1 preceding
        ) as reached_at
        from visits
        where session_id is null
    ),
    numbered as (
        select *, sum(if(first.moment < reached_at + interval 30 minutes, 0, 1)) over (
            partition by anonymous_id order by first.moment
        ) as number
        from reached
    ),
    told_apart as (
        select 'web:' || session_id as session_key, * from visits where session_id is not null
        union all
        select
            'web:' || anonymous_id || '#' || number::int as session_key,
            * exclude (reached_at, number)
        from numbered
    ),
    resolved as (
        select
            told_apart.* replace (
                coalesce(told_apart.customer_id, visitors.customer_id) as customer_id
            )
        from told_apart
        left join visitors using (anonymous_id)
    )
    select
        session_key,
        session_id,
        case when min(customer_id) = max(customer_id) then min(customer_id) end as customer_id,
        min(first) as first,
        max(ended_at) as ended_at,
        sum(events)::bigint as event_count,
        sum(page_view_count)::bigint as page_view_count,
        sum(product_view_count)::bigint as product_view_count,
        sum(document_download_count)::bigint as document_download_count,
        sum(add_to_cart_count)::bigint as add_to_cart_count,
        sum(begin_checkout_count)::bigint as begin_checkout_count,
        sum(purchase_count)::bigint as purchase_count,
        sum(sign_up_count)::bigint as sign_up_count,
        sum(login_count)::bigint as login_count,
        sum(app_open_count)::bigint as app_open_count,
        sum(feature_use_count)::bigint as feature_use_count
    from resolved
    group by session_key, session_id;

create table marts.web_sessions as
    select
        session_key,
        'crm:' || customer_id as person_key,
        'web' as system,
        session_id,
        first.platform as platform,
        first.campaign as campaign_id,
        columns('_count$$'),
        date_diff('microsecond', first.moment, ended_at) / 1e6 as dwell_seconds,
        event_count = 1 as is_bounce,
        document_download_count > 0 as has_download,
        add_to_cart_count > 0 as has_cart,
        begin_checkout_count > 0 as has_checkout,
        purchase_count > 0 as has_purchase,
        business_date(first.moment) as session_date,
        first.moment as started_at,
        ended_at
    from sessions;


-- Periods ----------------------------------------------------------------------------------

create temp table periods as
    with days as (
        select unnest(generate_series(
            least(
                (select business_date(min(ordered_at)) from delivered_orders),
                (select min(refunded_date) from counting_refunds),
                (select business_date(min(first.moment)) from visits),
                (
                    select business_date(min(started_at))
                    from read_parquet('$raw/crm/campaigns/load_id=0*/*.parquet')
                )
            ),
            getvariable('as_of'), interval 1 day
        ))::date as day
    ),
    grains as (
        from (values
            ('day', interval 1 day, interval 1 day, interval 12 months),
            ('week', interval 7 days, interval 7 days, interval 364 days),
            ('month', interval 1 month, interval 1 month, interval 12 months),
            ('quarter', interval 3 months, interval 3 months, interval 12 months),
            ('year', interval 12 months, interval 12 months, interval 12 months)
        ) as grains(grain, length, back, year_back)
    )
    select distinct
        grain,
        date_trunc(grain, day)::date as period_start,
        (period_start + length)::date as period_end,
        least(period_end, getvariable('as_of') + 1) as counted_to,
        (period_start - back)::date as previous_start,
        (period_start - year_back)::date as year_ago_start,
        period_end <= getvariable('as_of') + 1 as is_complete
    from days, grains;


-- Sums over persons, and by what the CRM said of them at a period's start -----------------

create temp table spans as
    with versions as (
        select
            *,
            row_number() over told as number,
            if(is_midnight, business_date(stated_at), business_date(stated_at) + 1) as since
        from customer_versions
        semi join known using (customer_id)
        window told as (partition by customer_id order by stated_at)
    )
    select
        customer_id,
        membership_tier,
        prefecture,
        acquisition_channel,
        customer_segment,
        gender,
        birth_date,
        if(number = 1, date '0001-01-01', since) as valid_from,
        lead(since, 1, date '9999-12-31') over (
            partition by customer_id order by number
        ) as valid_to
    from versions;

create temp table first_orders as
    select customer_id, ordered_date as first_date from valued_orders where order_number = 1;

create temp macro sums(relation) as table
    select
        grain, period_start, cut, value,
        sum(columns(* exclude (grain, period_start, cut, value, customer_id)))
    from query_table(relation)
    group by grain, period_start, cut, value;

create temp macro attributed(relation) as table
    with joined as (
        select
            facts.* exclude (cut, value, customer_id),
            coalesce(membership_tier, 'unknown') as membership_tier,
            coalesce(prefecture, 'unknown') as prefecture,
            coalesce(acquisition_channel, 'unknown') as acquisition_channel,
            coalesce(customer_segment, 'unknown') as customer_segment,
            coalesce(gender, 'unknown') as gender,
            year(period_start) * 10000 + month(period_start) * 100 + day(period_start)
            - year(birth_date) * 10000 - month(birth_date) * 100 - day(birth_date) as age,
            period_start - first_date as days
        from query_table(relation) as facts
        left join spans
            on facts.customer_id = spans.customer_id
            and period_start >= valid_from and period_start < valid_to
        left join first_orders on facts.customer_id = first_orders.customer_id
        where cut = 'overall'
            and facts.customer_id is not null
            and grain in ('month', 'quarter', 'year')
    )
    select
        * exclude (age, days),
        case
            when age is null then 'unknown'
            when age < 200000 then '0-19'
            when age < 300000 then '20-29'
            when age < 400000 then '30-39'
            when age < 500000 then '40-49'
            when age < 600000 then '50-59'
            else '60+'
        end as age_band,
        case
            when coalesce(days, 0) <= 0 then 'none'
            when days <= 90 then '0-90'
            when days <= 365 then '91-365'
            else '366+'
        end as tenure_band,
        'unknown' as industry,
        'unknown' as company_size
    from joined;

create temp macro sums_by_attribute(relation) as table
    select
        grain,
        period_start,
        case
            when grouping(membership_tier) = 0 then 'membership_tier'
            when grouping(prefecture) = 0 then 'prefecture'
            when grouping(acquisition_channel) = 0 then 'acquisition_channel'
            when grouping(customer_segment) = 0 then 'customer_segment'
            when grouping(gender) = 0 then 'gender'
            when grouping(age_band) = 0 then 'age_band'
            when grouping(tenure_band) = 0 then 'tenure_band'
            when grouping(industry) = 0 then 'industry'
            else 'company_size'
        end as cut,
        coalesce(
            membership_tier, prefecture, acquisition_channel, customer_segment, gender,
            age_band, tenure_band, industry, company_size
        ) as value,
        sum(columns(* exclude (
            grain, period_start, membership_tier, prefecture, acquisition_channel,
            customer_segment, gender, age_band, tenure_band, industry, company_size
        )))
    from attributed(relation)
    group by grouping sets (
        (grain, period_start, membership_tier), (grain, period_start, prefecture),
        (grain, period_start, acquisition_channel), (grain, period_start, customer_segment),
        (grain, period_start, gender), (grain, period_start, age_band),
        (grain, period_start, tenure_band), (grain, period_start, industry),
        (grain, period_start, company_size)
    );


-- Purchases: one row per person, cut and period --------------------------------------------

create temp table stream as
    select
        customer_id,
        ordered_date as day,
        channel,
        store_id,
        campaign_id,
        1 as orders,
        0 as refunds,
        goods_amount,
        money(null) as refund_amount,
        profit_amount,
        coalesce(order_number = 1, false)::int as firsts,
        firsts * (ordered_date + 90 <= getvariable('as_of'))::int as matured,
        matured * coalesce(next_ordered_date <= ordered_date + 90, false)::int as repeated,
        if(firsts = 1, next_ordered_date, null) as second_date,
        first_ordered_date as first_date,
        newest_category_date,
        listed_items,
        listed_amount,
        full_price_amount
    from valued_orders
    union all
    select
        customer_id, refunded_date, channel, store_id, campaign_id, 0, 1, null,
        refund_amount, money(-profit_amount), 0, 0, 0, null, null, null, null, null, null
    from counting_refunds;

create temp table stream_by_category as
    with by_order as (
        select
            order_id,
            category,
            sum(line_amount) as goods_amount,
            sum(profit_amount) as profit_amount,
            any_value(first_category_date) as newest_category_date,
            count(listed_amount) as listed_items,
            sum(listed_amount) as listed_amount,
            sum(full_price_amount) as full_price_amount
        from sold
        group by order_id, category
    ),
    parts as (
        select
            orders.order_id,
            orders.customer_id,
            orders.ordered_date as day,
            coalesce(by_order.category, 'unknown') as category,
            coalesce(by_order.goods_amount, orders.goods_amount) as goods_amount,
            coalesce(by_order.profit_amount, orders.profit_amount) as profit_amount,
            orders.goods_amount as order_goods_amount,
            if(by_order.order_id is null, null, first_ordered_date) as first_date,
            by_order.newest_category_date,
            by_order.listed_items,
            by_order.listed_amount,
            by_order.full_price_amount
        from valued_orders as orders
        left join by_order using (order_id)
    ),
    refunded as (
        select
            refunds.* exclude (order_id),
            sold.category,
            if(sold.order_item_id is null, refunds.order_id, null) as spread_order_id
        from counting_refunds as refunds
        left join sold
            on if(refunds.order_id is null, null, refunds.order_item_id) = sold.order_item_id
    ),
    spread as (
        select
            refunded.customer_id,
            refunded_date as day,
            coalesce(refunded.category, parts.category, 'unknown') as category,
            if(
                parts.order_id is null, 1.0::double,
                parts.goods_amount::double / parts.order_goods_amount::double
            ) as share,
            refund_amount,
            refunded.profit_amount
        from refunded
        left join (from parts where order_goods_amount <> 0) as parts
            on refunded.spread_order_id = parts.order_id
    )
    select
        customer_id, day, category, 1 as orders, 0 as refunds, goods_amount,
        money(null) as refund_amount, profit_amount, 0 as firsts, 0 as matured,
        0 as repeated, null::date as second_date, first_date, newest_category_date,
        listed_items, listed_amount, full_price_amount
    from parts
    union all
    select
        customer_id, day, category, 0, 1, null, money(refund_amount::double * share),
        money(-profit_amount::double * share), 0, 0, 0, null, null, null, null, null, null
    from spread;

create temp macro collapse(relation, length, cut) as table
    select
        date_trunc(length, day)::date as day,
        cut as value,
        customer_id,
        sum(orders)::int as orders,
        sum(refunds)::int as refunds,
        sum(goods_amount) as goods_amount,
        sum(refund_amount) as refund_amount,
        sum(profit_amount) as profit_amount,
        sum(firsts)::int as firsts,
        sum(matured)::int as matured,
        sum(repeated)::int as repeated,
        max(second_date) as second_date,
        min(first_date) as first_date,
        max(newest_category_date) as newest_category_date,
        sum(listed_items)::int as listed_items,
        sum(listed_amount) as listed_amount,
        sum(full_price_amount) as full_price_amount
    from query_table(relation)
    where cut is not null
    group by all;

create temp macro roll_up(relation, length) as table
    select
        cut,
        date_trunc(length, day)::date as day,
        value,
        customer_id,
        sum(orders)::int as orders,
        sum(refunds)::int as refunds,
        sum(goods_amount) as goods_amount,
        sum(refund_amount) as refund_amount,
        sum(profit_amount) as profit_amount,
        sum(firsts)::int as firsts,
        sum(matured)::int as matured,
        sum(repeated)::int as repeated,
        max(second_date) as second_date,
        min(first_date) as first_date,
        max(newest_category_date) as newest_category_date,
        sum(listed_items)::int as listed_items,
        sum(listed_amount) as listed_amount,
        sum(full_price_amount) as full_price_amount
    from query_table(relation)
    group by all;

create temp table by_month as
    select 'overall' as cut, * from collapse('stream', 'month', 'all')
    union all
    select 'order_channel' as cut, * from collapse('stream', 'month', channel)
    union all
    select 'store' as cut, * from collapse('stream', 'month', store_id)
    union all
    select 'campaign' as cut, * from collapse('stream', 'month', campaign_id)
    union all
    select 'category' as cut, * from collapse('stream_by_category', 'month', category);

create temp table by_quarter as select * from roll_up('by_month', 'quarter');
create temp table by_year as select * from roll_up('by_quarter', 'year');

create temp view by_person as
    with each as (
        select 'day' as grain, 'overall' as cut, * from collapse('stream', 'day', 'all')
        union all
        select 'week' as grain, 'overall' as cut, * from collapse('stream', 'week', 'all')
        union all
        select 'month' as grain, * from by_month
        union all
        select 'quarter' as grain, * from by_quarter
        union all
        select 'year' as grain, * from by_year
    )
    select
        grain,
        day as period_start,
        cut,
        value,
        customer_id,
        orders,
        orders + refunds as movements,
        (customer_id is not null)::int as persons,
        goods_amount,
        refund_amount,
        profit_amount,
        persons * (coalesce(goods_amount, 0) - coalesce(refund_amount, 0)) as persons_amount,
        firsts,
        matured,
        repeated,
        persons * (orders > 0)::int as buyers,
        persons * (orders > 1)::int as repeaters,
        persons * (orders > firsts)::int as returners,
        coalesce(second_date < date_add(day, case grain
            when 'day' then interval 1 day
            when 'week' then interval 7 days
            when 'month' then interval 1 month
            when 'quarter' then interval 3 months
            else interval 12 months
        end), false)::int as repeating_newly,
        if(goods_amount is null, 0, buyers) as persons_with_goods,
        persons * coalesce(first_date < day, false)::int as bought_before,
        bought_before * coalesce(newest_category_date >= day, false)::int as cross_buyers,
        coalesce(listed_items, 0) as listed_items,
        persons * (coalesce(listed_items, 0) > 0)::int as persons_with_listed,
        listed_amount,
        full_price_amount
    from each;

create temp table cells as
    select * from sums('by_person')
    union all
    select * from sums_by_attribute('by_person');


-- Sessions and visitors by cut and period --------------------------------------------------

create temp table web_days as
    with dwelt as (
        select *, date_diff('microsecond', first.moment, ended_at)::hugeint as dwell from sessions
    ),
    visitors as (
        select min(first) as first from visits group by anonymous_id
    ),
    counted as (
        select
            business_date(first.moment) as day,
            first.platform as platform,
            first.campaign as campaign,
            count(*) as sessions,
            count_if(event_count = 1) as bounces,
            sum(if(event_count > 1, dwell, null)) as dwell,
            sum(if(event_count > 1, dwell * dwell, null)) as dwell_squared,
            sum(page_view_count + product_view_count) as pages,
            count_if(document_download_count > 0) as downloads,
            count_if(purchase_count > 0) as purchases,
            count_if(add_to_cart_count > 0) as carts,
            count_if(add_to_cart_count > 0 and purchase_count = 0) as abandoned,
            count_if(begin_checkout_count > 0) as checkouts,
            count_if(begin_checkout_count > 0 and purchase_count > 0) as completed,
            0 as visitors
        from dwelt
        group by all
    )
    select * from counted
    union all
    select business_date(first.moment), first.platform, first.campaign,
        0, 0, null, null, 0, 0, 0, 0, 0, 0, 0, count(*)
    from visitors
    group by all;

create temp table web_cells as
    with each as (
        select grain, date_trunc(grain, day)::date as period_start, web_days.*
        from web_days, (values ('day'), ('week'), ('month'), ('quarter'), ('year'))
            as grains(grain)
    ),
    told_apart as (
        select 'overall' as cut, 'all' as value, * from each
        union all
        select 'platform' as cut, platform as value, * from each where platform is not null
        union all
        select 'campaign' as cut, campaign as value, * from each
        where campaign is not null and grain in ('month', 'quarter', 'year')
    )
    select
        grain, period_start, cut, value,
        sum(columns(* exclude (grain, period_start, cut, value, day, platform, campaign)))
    from told_apart
    group by grain, period_start, cut, value;


-- Staying: active at a day's beginning is who ordered on one of the 180 days before --------

create temp table standing as
    with boundaries as (
        select distinct unnest([period_start, counted_to]) as day
        from periods
        where grain in ('month', 'quarter', 'year')
    ),
    -- a person's orders hold one after the other, each until the next
    active as (
        select customer_id, first_ordered_date, day
        from valued_orders
        inner join boundaries
            on day > ordered_date and day <= least(ordered_date + 180, next_ordered_date)
        where customer_id is not null
    ),
    stood as (
        select
            grain, period_start, customer_id, first_ordered_date,
            1 as at_start, 0 as at_end
        from active
        inner join periods on day = period_start
        where grain in ('month', 'quarter', 'year')
        union all
        select grain, period_start, customer_id, first_ordered_date, 0, 1
        from active
        inner join periods on day = counted_to
        where grain in ('month', 'quarter', 'year')
    )
    select
        grain,
        period_start,
        'overall' as cut,
        'all' as value,
        customer_id,
        max(at_start) as active_at_start,
        max(at_end) as active_at_end,
        active_at_start * (1 - active_at_end) as lapsed,
        (1 - active_at_start) * (min(first_ordered_date) < period_start)::int as reactivated
    from stood
    group by grain, period_start, customer_id;

create temp table standing_cells as
    select * from sums('standing')
    union all
    select * from sums_by_attribute('standing');


-- App use: a user is a person, else an anonymous id ----------------------------------------

create temp table uses as
    select
        coalesce(visits.customer_id, visitors.customer_id) as person,
        if(person is null, anonymous_id, null) as stranger,
        app_day as day,
        app_platform as platform,
        sum(app_open_count)::int as opens,
        sum(login_count)::int as logins,
        sum(feature_use_count)::int as feature_uses
    from visits
    left join visitors using (anonymous_id)
    where app_day is not null
    group by all;

create temp table uses_by_day as
    select
        'overall' as cut,
        'all' as value,
        person,
        stranger,
        day,
        sum(opens)::int as opens,
        sum(logins)::int as logins,
        sum(feature_uses)::int as feature_uses,
        (sum(opens) > 0)::int as app_days
    from uses
    group by person, stranger, day
    union all
    select
        'platform', platform, person, stranger, day, opens, logins, feature_uses,
        (opens > 0)::int
    from uses
    where platform is not null;

create temp macro used(relation, length) as table
    select
        cut,
        value,
        person,
        stranger,
        date_trunc(length, day)::date as day,
        sum(opens)::int as opens,
        sum(logins)::int as logins,
        sum(feature_uses)::int as feature_uses,
        sum(app_days)::int as app_days
    from query_table(relation)
    group by all;

create temp table uses_by_month as select * from used('uses_by_day', 'month');
create temp table uses_by_quarter as select * from used('uses_by_month', 'quarter');

create temp view uses_by_user as
    with each as (
        select 'day' as grain, * from uses_by_day
        union all
        select 'week' as grain, * from used('uses_by_day', 'week')
        union all
        select 'month' as grain, * from uses_by_month
        union all
        select 'quarter' as grain, * from uses_by_quarter
        union all
        select 'year' as grain, * from used('uses_by_quarter', 'year')
    )
    select
        grain,
        day as period_start,
        cut,
        value,
        person as customer_id,
        opens,
        logins,
        app_days,
        (opens > 0)::int as openers,
        (logins > 0)::int as loggers,
        (opens > 0 and feature_uses > 0)::int as feature_users,
        if(person is null, 0, openers) as opening_persons,
        if(person is null, 0, loggers) as logging_persons
    from each;

create temp table use_cells as
    with cells as (
        select * from sums('uses_by_user')
        union all
        select * from sums_by_attribute('uses_by_user')
    )
    select cells.*, counted_to - period_start as days_counted
    from cells inner join periods using (grain, period_start);


-- New persons and their first order or use of a feature within 30 days ---------------------

create temp table activations as
    with gains as (
        select customer_id, ordered_date as day from valued_orders
        union all
        select person, day from uses where feature_uses > 0
    ),
    activated as (
        select
            known.customer_id,
            business_date(created_at) as created_date,
            (min(day) - created_date)::double as waited
        from known
        left join gains
            on known.customer_id = gains.customer_id
            and day between business_date(created_at) and business_date(created_at) + 30
        group by known.customer_id, created_at
    )
    select
        grain, period_start, 'overall' as cut, 'all' as value, customer_id, waited
    from activated
    inner join periods on date_trunc(grain, created_date) = period_start;

create temp table activation_cells as
    with cut as (
        select grain, period_start, cut, value, waited from activations
        union all by name
        unpivot (from attributed('activations'))
        on membership_tier, prefecture, acquisition_channel, customer_segment, gender,
            age_band, tenure_band, industry, company_size
        into name cut value value
    )
    select
        grain, period_start, cut, value,
        count(*) as created, count(waited) as activated, median(waited) as median_days
    from cut
    group by all;


-- Lifetime values at the as-of date --------------------------------------------------------

create temp table lifetimes as
    with moved as (
        select
            customer_id,
            first_orders.first_date,
            day,
            day - first_orders.first_date as day_number,
            getvariable('as_of') - first_orders.first_date as age,
            money(coalesce(goods_amount, -refund_amount)) as net_amount,
            profit_amount
        from stream
        inner join first_orders using (customer_id)
    ),
    persons as (
        select
            customer_id,
            first_date,
            age,
            sum(profit_amount)::double as profit,
            sum(net_amount)::double as net,
            coalesce(sum(if(day > getvariable('as_of') - 365, net_amount, null)), 0)::double
                as net_of_year
        from moved
        group by customer_id, first_date, age
    ),
    -- what persons of a year and more brought on each day after their first order
    by_day_number as (
        select day_number, sum(net_amount) as net_amount
        from moved
        where age >= 364 and day_number between 0 and 364
        group by day_number
    ),
    to_come as (
        select
            ages.age,
            coalesce(sum(net_amount), 0)::double
            / nullif((select count(*) from persons where persons.age >= 364), 0) as mean_net
        from range(364) as ages(age)
        left join by_day_number on day_number > ages.age
        group by ages.age
    ),
    company as (
        select
            sum(profit_amount)::double
            / nullif((coalesce(sum(goods_amount), 0) - coalesce(sum(refund_amount), 0))::double, 0)
                as margin
        from stream
    ),
    leavers as (
        select count_if(was_active and not is_active) / nullif(count_if(was_active), 0) as share
        from (
            select
                bool_or(getvariable('as_of') - 364 - ordered_date between 1 and 180) as was_active,
                bool_or(getvariable('as_of') + 1 - ordered_date between 1 and 180) as is_active
            from valued_orders
            where customer_id is not null
            group by customer_id
        )
    ),
    parts as (
        select
            customer_id,
            first_date,
            persons.age,
            profit,
            if(persons.age >= 364, net_of_year, net + mean_net)
            * coalesce(profit / nullif(net, 0), margin) as yearly,
            case when share * 10 > 1 then 1 / share when share is not null then 10 end as tenure,
            1 - share as stay
        from persons
        left join to_come on persons.age = to_come.age
        cross join company
        cross join leavers
    )
    select
        customer_id,
        first_date,
        age,
        profit,
        yearly * tenure as simple,
        yearly * (
            1 + stay / 1.1::double + stay ** 2 / 1.1::double ** 2 + stay ** 3 / 1.1::double ** 3
            + stay ** 4 / 1.1::double ** 4
        ) as discounted
    from parts;

create temp table lifetimes_now as
    select
        grain,
        period_start,
        'overall' as cut,
        'all' as value,
        customer_id,
        money(profit) as historic,
        (profit * profit)::decimal(38, 8) as historic_squared,
        money(simple) as simple,
        (simple * simple)::decimal(38, 8) as simple_squared,
        (simple is not null)::int as simple_persons,
        money(discounted) as discounted,
        (discounted * discounted)::decimal(38, 8) as discounted_squared,
        (discounted is not null)::int as discounted_persons,
        1 as persons
    from lifetimes
    cross join periods
    where counted_to > getvariable('as_of') and grain in ('month', 'quarter', 'year');

create temp table lifetime_cells as
    select * from sums('lifetimes_now')
    union all
    select * from sums_by_attribute('lifetimes_now');

-- what it cost to win them is nothing: no campaign is one of acquisition
create temp table won as
    select
        grain,
        period_start,
        count(customer_id) as customers,
        sum(profit)::double as profit,
        sum(age)::double / 30 as months,
        avg(discounted) as mean_discounted
    from periods
    left join lifetimes on date_trunc(grain, first_date) = period_start
    where grain in ('month', 'quarter', 'year')
    group by grain, period_start;


-- KPIs -------------------------------------------------------------------------------------

create temp table measured as
    select
        grain,
        period_start,
        cut,
        value as segment,
        unnest([
            {kpi: 'net_revenue', kind: 'sum',
                num: (coalesce(goods_amount, 0) - coalesce(refund_amount, 0))::double, den: 1::double,
                extra: null::double, n: movements, persons: persons},
            {kpi: 'gross_profit', kind: 'sum', num: profit_amount::double, den: 1,
                extra: null, n: movements, persons: persons},
            {kpi: 'orders', kind: 'sum', num: orders, den: 1,
                extra: null, n: orders, persons: buyers},
            {kpi: 'purchasing_customers', kind: 'sum', num: buyers, den: 1,
                extra: null, n: buyers, persons: buyers},
            {kpi: 'new_customers', kind: 'sum', num: firsts, den: 1,
                extra: null, n: firsts, persons: firsts},
            {kpi: 'average_order_value', kind: 'ratio',
                num: coalesce(goods_amount, 0)::double, den: orders, extra: null,
                n: orders, persons: persons_with_goods},
            {kpi: 'revenue_per_customer', kind: 'ratio', num: persons_amount::double, den: buyers,
                extra: null, n: buyers, persons: buyers},
            {kpi: 'repeat_rate', kind: 'percent', num: repeaters, den: buyers,
                extra: null, n: buyers, persons: buyers},
            {kpi: 'returning_customer_rate', kind: 'percent', num: returners, den: buyers,
                extra: null, n: buyers, persons: buyers},
            {kpi: 'new_customer_repeat_rate', kind: 'percent', num: repeating_newly, den: firsts,
                extra: null, n: firsts, persons: firsts},
            {kpi: 'first_repeat_rate', kind: 'percent', num: repeated, den: matured,
                extra: null, n: matured, persons: matured},
            {kpi: 'refund_rate', kind: 'money', num: coalesce(refund_amount, 0)::double,
                den: coalesce(goods_amount, 0)::double, extra: null,
                n: orders, persons: persons_with_goods},
            {kpi: 'cross_sell_rate', kind: 'percent', num: cross_buyers, den: bought_before,
                extra: null, n: bought_before, persons: bought_before},
            {kpi: 'full_price_share', kind: 'money', num: coalesce(full_price_amount, 0)::double,
                den: coalesce(listed_amount, 0)::double, extra: null,
                n: listed_items, persons: persons_with_listed},
            -- the shop's products have no grade and no reference price
            {kpi: 'upgrade_rate', kind: 'percent', num: 0, den: 0, extra: null, n: 0, persons: 0},
            {kpi: 'premium_share', kind: 'money', num: 0, den: 0, extra: null, n: 0, persons: 0}
        ], recursive := true)
    from cells;

create temp table measured_web as
    select
        grain,
        period_start,
        cut,
        value as segment,
        unnest([
            {kpi: 'sessions', kind: 'sum', num: sessions::double, den: 1::double,
                extra: null::double, n: sessions},
            {kpi: 'bounce_rate', kind: 'percent', num: bounces, den: sessions, extra: null,
                n: sessions},
            {kpi: 'session_dwell_seconds', kind: 'mean', num: coalesce(dwell, 0) / 1e6,
                den: sessions - bounces, extra: dwell_squared / 1e12, n: sessions - bounces},
            {kpi: 'pages_per_session', kind: 'ratio', num: pages, den: sessions, extra: null,
                n: sessions},
            {kpi: 'document_download_rate', kind: 'percent', num: downloads, den: sessions,
                extra: null, n: sessions},
            {kpi: 'conversion_rate', kind: 'percent', num: purchases, den: sessions, extra: null,
                n: sessions},
            {kpi: 'cart_abandonment_rate', kind: 'percent', num: abandoned, den: carts,
                extra: null, n: carts},
            {kpi: 'checkout_completion_rate', kind: 'percent', num: completed, den: checkouts,
                extra: null, n: checkouts},
            {kpi: 'new_visitors', kind: 'sum', num: visitors, den: 1, extra: null, n: visitors}
        ], recursive := true),
        null::bigint as persons
    from web_cells;

create temp table measured_persons as
    select
        grain, period_start, cut, value as segment,
        unnest([
            {kpi: 'active_customers', kind: 'sum', num: active_at_end::double, den: 1::double,
                extra: null::double, n: active_at_end, persons: active_at_end},
            {kpi: 'lapse_rate', kind: 'percent', num: lapsed, den: active_at_start,
                extra: null, n: active_at_start, persons: active_at_start},
            {kpi: 'reactivated_customers', kind: 'sum', num: reactivated, den: 1,
                extra: null, n: reactivated, persons: reactivated}
        ], recursive := true)
    from standing_cells
    union all
    select
        grain, period_start, cut, value,
        unnest([
            {kpi: 'app_users', kind: 'sum', num: openers::double, den: 1::double,
                extra: null::double, n: openers, persons: opening_persons},
            {kpi: 'app_launches_per_user_week', kind: 'ratio', num: opens,
                den: openers * days_counted::double / 7,
                extra: null, n: openers, persons: opening_persons},
            {kpi: 'logins_per_user_week', kind: 'ratio', num: logins,
                den: loggers * days_counted::double / 7,
                extra: null, n: loggers, persons: logging_persons},
            {kpi: 'app_stickiness', kind: 'ratio', num: app_days / days_counted, den: openers,
                extra: null, n: openers, persons: opening_persons},
            {kpi: 'feature_usage_rate', kind: 'percent', num: feature_users, den: openers,
                extra: null, n: openers, persons: opening_persons}
        ], recursive := true)
    from use_cells
    union all
    select
        grain, period_start, cut, value,
        unnest([
            {kpi: 'activation_rate', kind: 'percent', num: activated::double,
                den: created::double, extra: null::double, n: created, persons: created},
            {kpi: 'days_to_first_value', kind: 'median', num: null, den: null,
                extra: median_days, n: activated, persons: activated}
        ], recursive := true)
    from activation_cells
    union all
    select
        grain, period_start, cut, value,
        unnest([
            {kpi: 'ltv_historic', kind: 'mean', num: historic::double, den: persons::double,
                extra: historic_squared::double, n: persons, persons: persons},
            {kpi: 'ltv_simple', kind: 'mean', num: simple::double, den: simple_persons,
                extra: simple_squared::double, n: simple_persons, persons: simple_persons},
            {kpi: 'ltv_discounted', kind: 'mean', num: discounted::double,
                den: discounted_persons, extra: discounted_squared::double,
                n: discounted_persons, persons: discounted_persons}
        ], recursive := true)
    from lifetime_cells
    union all
    select
        grain, period_start, 'overall', 'all',
        unnest([
            {kpi: 'cac', kind: 'ratio', num: 0::double, den: customers::double,
                extra: null::double, n: customers, persons: null::bigint},
            {kpi: 'ltv_cac_ratio', kind: 'ratio', num: mean_discounted,
                den: 0 / nullif(customers, 0), extra: null, n: customers, persons: null},
            {kpi: 'cac_payback_months', kind: 'ratio', num: 0 / nullif(customers, 0),
                den: profit / nullif(months, 0), extra: null, n: customers, persons: null}
        ], recursive := true)
    from won;

-- nothing is delivered that these rest on
create temp table unknown as
    select unnest(kpis) as kpi, matures_after, is_by_month
    from (values
        (null, false, [
            'ad_click_through_rate', 'ad_daily_reach_rate', 'ad_impressions',
            'attachment_index', 'ces', 'ces_easy_rate', 'community_contributors',
            'csat', 'csat_mean', 'detractor_rate', 'empathy_index', 'enps',
            'event_attendance_rate', 'first_response_hours', 'inquiry_rate', 'nps',
            'nps_touchpoint', 'nps_weighted', 'passive_rate', 'promoter_rate',
            'referral_rate', 'referrer_rate', 'resolution_hours', 'resolved_rate',
            'review_rating', 'seo_average_position', 'seo_click_through_rate',
            'seo_impressions', 'sns_follower_growth_rate', 'sns_followers',
            'sns_mentions', 'sns_posts', 'sns_ugc_share', 'support_tickets',
            'ticket_satisfaction_rate', 'ugc_created'
        ]),
        (7, false, [
            'contact_frequency', 'email_click_to_open_rate', 'email_open_rate',
            'email_open_rate_raw', 'message_bounce_rate', 'message_click_rate',
            'message_delivery_rate', 'message_unsubscribe_rate'
        ]),
        (14, false, [
            'survey_response_rate'
        ]),
        (28, false, [
            'sns_comments', 'sns_engagement_rate_followers',
            'sns_engagement_rate_impressions', 'sns_engagement_rate_reach',
            'sns_engagement_rate_reach_with_saves', 'sns_impressions', 'sns_likes',
            'sns_reach_gross', 'sns_saves', 'sns_shares'
        ]),
        (180, false, [
            'nps_repeat_gap'
        ]),
        (null, true, [
            'active_subscribers', 'churn_rate', 'churned_within_period',
            'gross_revenue_retention', 'monthly_recurring_revenue',
            'net_revenue_retention', 'retention_rate'
        ]),
        (30, true, [
            'renewal_rate'
        ])
    ) as lists(matures_after, is_by_month, kpis);

create table marts.kpi_values as
    with measured as (
        select * from measured
        where cut <> 'category' or kpi in (
            'net_revenue', 'gross_profit', 'orders', 'purchasing_customers', 'refund_rate',
            'cross_sell_rate', 'full_price_share'
        )
        union all
        select * from measured_web
        union all
        select * from measured_persons where kpi <> 'app_stickiness' or grain = 'month'
    ),
    kpis as (
        select kpi, grain, any_value(kind) as kind, max(persons) is not null as is_about_persons
        from measured
        group by kpi, grain
    ),
    told as (
        select
            kpis.kpi,
            kpis.kind,
            is_about_persons,
            periods.grain,
            periods.period_start,
            'overall' as cut,
            'all' as segment,
            if(measured.kpi is null and kpis.kind <> 'median', 0, num) as num,
            case
                when measured.kpi is not null then den
                when kpis.kind = 'sum' then 1
                when kpis.kind <> 'median' then 0
            end as den,
            extra,
            coalesce(n, 0) as n,
            if(is_about_persons, coalesce(persons, 0), null) as persons
        from kpis
        inner join periods using (grain)
        left join (from measured where cut = 'overall') as measured
            on kpis.kpi = measured.kpi
            and periods.grain = measured.grain
            and periods.period_start = measured.period_start
        where kpis.kpi not in ('ltv_historic', 'ltv_simple', 'ltv_discounted')
            or counted_to > getvariable('as_of')
        union all
        select
            kpi, kind, is_about_persons, grain, period_start, cut, segment, num, den, extra,
            n, persons
        from measured inner join kpis using (kpi, grain, kind)
        where cut <> 'overall' and n > 0
    ),
    ranked as (
        select
            *,
            cut <> 'overall' and is_about_persons and persons < 5 as is_small,
            count_if(is_small) over cells as small_cells,
            row_number() over (
                partition by kpi, grain, period_start, cut order by is_small, persons, segment
            ) as rank
        from told
        window cells as (partition by kpi, grain, period_start, cut)
    ),
    shown as (
        select
            kpi, kind, grain, period_start, cut, segment,
            is_small or (is_about_persons and cut <> 'overall' and small_cells = 1 and rank = 1)
                as is_suppressed,
            if(is_suppressed, null, num) as num,
            if(is_suppressed, null, den) as den,
            if(is_suppressed, null, extra) as extra,
            if(is_suppressed, null, n) as n,
            if(is_suppressed, null, persons) as persons,
            case
                when kind = 'sum' then if(is_suppressed, null, num)
                when kind = 'median' then if(is_suppressed, null, extra)
                when kind in ('percent', 'money') then 100 * if(is_suppressed, null, num / nullif(den, 0))
                else if(is_suppressed, null, num / nullif(den, 0))
            end as value
        from ranked
    ),
    quantiles as (
        select degrees_of_freedom::bigint as df, quantile::double as quantile
        from read_csv('$reference/student_t.csv', all_varchar = true)
    ),
    spread as (
        select
            shown.*,
            num / den as share,
            n::double as base,
            1.959963984540054::double as z,
            (share + z * z / (2 * base)) / (1 + z * z / base) as centre,
            z * sqrt(greatest(share * (1 - share), 0) / base + z * z / (4 * base * base))
            / (1 + z * z / base) as half,
            if(n > 1 and kind = 'mean', sqrt(greatest(extra - num * num / n, 0) / (n - 1) / n), null)
            * coalesce(
                quantile, z + 2.372271230298562 / (base - 1)
                + 2.8224986157396112 / (base - 1) ** 2 + 2.555849679507722 / (base - 1) ** 3
                + 1.5895340533938225 / (base - 1) ** 4
            ) as mean_half
        from shown
        left join quantiles on n - 1 = df and kind = 'mean'
    ),
    bounded as (
        select
            kpi, grain, period_start, cut, segment, num, den, value, n, persons, is_suppressed,
            case
                when coalesce(n, 0) = 0 or value is null then null
                when kind = 'percent' then 100 * greatest(centre - half, 0)
                when kind = 'mean' then value - mean_half
            end as ci_low,
            case
                when coalesce(n, 0) = 0 or value is null then null
                when kind = 'percent' then 100 * least(centre + half, 1)
                when kind = 'mean' then value + mean_half
            end as ci_high
        from spread
    ),
    grown as (
        from bounded
        union all by name
        select
            'revenue_per_customer_growth' as kpi, now.grain, now.period_start, now.cut,
            now.segment, null as num, null as den,
            if(is_complete, 100 * (now.value - ago.value) / nullif(ago.value, 0), null) as value,
            now.n, now.persons, now.is_suppressed
        from bounded as now
        inner join periods using (grain, period_start)
        left join bounded as ago
            on now.kpi = ago.kpi and now.grain = ago.grain and now.cut = ago.cut
            and now.segment = ago.segment and periods.year_ago_start = ago.period_start
        where now.kpi = 'revenue_per_customer'
        union all by name
        select
            kpi, grain, period_start, 'overall' as cut, 'all' as segment,
            false as is_suppressed
        from unknown
        inner join periods on not is_by_month or grain in ('month', 'quarter', 'year')
    )
    select
        now.kpi,
        now.grain,
        now.period_start,
        now.cut as segment_dimension,
        now.segment as segment_value,
        now.num as numerator,
        now.den as denominator,
        now.value,
        now.ci_low,
        now.ci_high,
        now.n::bigint as n,
        now.persons::bigint as persons,
        is_complete,
        coalesce(
            period_end + case
                when now.kpi = 'first_repeat_rate' then 90
                when now.kpi in ('activation_rate', 'days_to_first_value') then 30
                else unknown.matures_after
            end <= getvariable('as_of') + 1,
            true
        ) as is_mature,
        false as is_left_truncated,
        now.is_suppressed,
        if(is_complete, before.value, null) as previous_value,
        if(is_complete, ago.value, null) as year_ago_value,
        if(now.cut = 'overall', targets.target::double, null) as target,
        getvariable('as_of') as as_of_date
    from grown as now
    inner join periods using (grain, period_start)
    left join unknown on now.kpi = unknown.kpi
    left join grown as before
        on now.kpi = before.kpi and now.grain = before.grain and now.cut = before.cut
        and now.segment = before.segment and periods.previous_start = before.period_start
    left join grown as ago
        on now.kpi = ago.kpi and now.grain = ago.grain and now.cut = ago.cut
        and now.segment = ago.segment and periods.year_ago_start = ago.period_start
    left join read_csv('$reference/kpi_targets.csv', all_varchar = true) as targets
        on now.kpi = targets.kpi and now.grain = targets.grain;


-- Cohorts ----------------------------------------------------------------------------------

create table marts.cohort_retention as
    with monthly as (
        select
            customer_id, day as month, orders > 0 as has_order, profit_amount,
            min(if(firsts > 0, day, null)) over (partition by customer_id) as cohort
        from by_month
        where cut = 'overall' and customer_id is not null
    ),
    by_cohort as (
        select
            cohort,
            month,
            count_if(has_order) as active,
            sum(profit_amount) as profit,
            count_if(month = cohort and has_order) as newly
        from monthly
        where cohort is not null
        group by cohort, month
    ),
    cohorts as (select cohort, max(newly) as size from by_cohort group by cohort)
    select
        cohorts.cohort as cohort_month,
        date_diff('month', cohorts.cohort, period_start)::int as months_since,
        size as cohort_size,
        if(is_complete, coalesce(active, 0), null) as active_customers,
        100 * active_customers::double / size as retention_rate,
        if(is_complete, sum(coalesce(profit, 0)) over (
            partition by cohorts.cohort order by period_start
        )::double / size, null) as cumulative_gross_profit_per_head,
        false as is_left_truncated,
        is_complete
    from cohorts
    inner join periods on grain = 'month' and cohorts.cohort <= period_start
    left join by_cohort
        on cohorts.cohort = by_cohort.cohort and periods.period_start = by_cohort.month;
